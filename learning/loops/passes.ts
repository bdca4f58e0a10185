/** How images are only looked at: shards as they arrive, whole and in their canonical order, in pieces that go through a network in one pass. */
import { access, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { inputFile, packFile } from '../feed.ts';
import { readShard, type Shard } from '../images/shards.ts';
import { bytesTensor, fromBytes } from '../ops/native.ts';
import type { Tensor } from '../tensorflow.ts';
import { centreCrop } from '../views/centre-crop.ts';

const POLL_MILLISECONDS = 20;
/** Pixels of one pass: 512 images of 32 px. */
const PASS_PIXELS = 2 ** 19;

/** The shards of an epoch in their canonical order, each once it is there; no more once stopped. */
export async function* arriving(folder: string, epoch: number, shards: number, stop: AbortSignal): AsyncGenerator<Shard> {
  for (let index = 0; index < shards; index++) {
    const shard = await arrived(join(folder, 'in', inputFile(epoch, index)), stop);
    if (!shard) return;
    yield shard;
  }
}

/** The shard, once it is there; its file is deleted. Undefined when stopped before. */
async function arrived(file: string, stop: AbortSignal): Promise<Shard | undefined> {
  while (!stop.aborted) {
    if (
      await access(file).then(
        () => true,
        () => false,
      )
    ) {
      const shard = readShard(await readFile(file));
      await rm(file);
      return shard;
    }
    await sleep(POLL_MILLISECONDS);
  }
  return undefined;
}

/** Shards that were there from the start and stay, in their canonical order; no more once stopped. */
export async function* staying(folder: string, what: 'known' | 'judged', shards: number, stop: AbortSignal): AsyncGenerator<Shard> {
  for (let pack = 0; pack < shards && !stop.aborted; pack++) yield readShard(await readFile(join(folder, 'in', packFile(what, pack))));
}

/** `from`: the first image of the pass; `bytes`: of `count` images, [count, size, size, 3]. */
export type Pass = { from: number; count: number; bytes: Uint8Array };

export function* passesOf({ images, ids, size }: Shard): Generator<Pass> {
  const most = Math.max(1, Math.floor(PASS_PIXELS / size ** 2));
  for (let from = 0; from < ids.length; from += most) {
    const count = Math.min(most, ids.length - from);
    yield { from, count, bytes: images.subarray(from * size * size * 3, (from + count) * size * size * 3) };
  }
}

/**
 * The pixels of a pass as networks take them: bytes, or the middle of the images as float32 of the same shape.
 * @param crop  middle part that is seen, as a share of the side
 */
export function pixelsOf({ count, bytes }: Pass, size: number, crop: number): Tensor {
  const pixels = bytesTensor(bytes, [count, size, size, 3]);
  return crop === 1 ? pixels : centreCrop(fromBytes(pixels), crop, 255);
}
