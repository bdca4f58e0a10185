/** Small forms that make the pipeline readable: one bounded fan-out, and epochs in words. */

import type { Segment } from '../contracts/stages.ts';
import { FAN_OUT } from './policies.ts';

/** Shards that one activity takes, so that a fan-out over all of them is FAN_OUT activities at most, however many images there are. */
export const blockLength = (shards: number): number => Math.ceil(shards / FAN_OUT);

/** `work` on all shards, block by block [from, to), all blocks at once. The first failure fails the whole. */
export async function inBlocks(shards: number, work: (from: number, to: number) => Promise<unknown>): Promise<void> {
  const length = blockLength(shards);
  const starts = Array.from({ length: Math.ceil(shards / length) }, (_, block) => block * length);
  await Promise.all(starts.map((from) => work(from, Math.min(shards, from + length))));
}

/** "shard 3 of 20", "shards 3–4 of 20": [from, to), counted from one. */
export function shardsText(from: number, to: number, shards: number): string {
  return to - from === 1 ? `shard ${to} of ${shards}` : `shards ${from + 1}–${to} of ${shards}`;
}

/** "epochs 4–6 of 20", counted from one. */
export function epochsText({ from, to }: Segment, epochs: number): string {
  return to - from === 1 ? `epoch ${to} of ${epochs}` : `epochs ${from + 1}–${to} of ${epochs}`;
}
