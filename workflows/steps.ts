/** Small forms that make the pipeline readable: one described call, one bounded fan-out, the cutting of epochs into segments. */

import { cutTo } from '../contracts/cut.ts';
import { segmentLength } from '../contracts/segments.ts';
import type { Segment } from '../contracts/stages.ts';
import { FAN_OUT } from './policies.ts';

type Described<I, O> = { executeWithOptions(options: { summary: string }, args: [input: I]): Promise<O> };

/** Call an activity with one object and a line that a person reads in the Temporal UI. */
export function call<I, O>(activity: Described<I, O>, summary: string, input: I): Promise<O> {
  return activity.executeWithOptions({ summary: cutTo(summary, 390) }, [input]); // Temporal takes 400, and refuses the call above
}

/** `work(0) … work(count − 1)`, at most FAN_OUT at once; results in order. The first failure fails the whole. */
export async function fanOut<T>(count: number, work: (index: number) => Promise<T>): Promise<T[]> {
  const results: T[] = new Array(count);
  let next = 0;
  const lane = async () => {
    while (next < count) {
      const index = next++;
      results[index] = await work(index);
    }
  };
  await Promise.all(Array.from({ length: Math.min(FAN_OUT, count) }, lane));
  return results;
}

/** The epochs of a training in segments of K, leaving out those that are done; the last one stays, as what it trained may not be a model yet. */
export function segmentsOf(epochs: number, images: number, segmentEpochs: number | 'auto', epochsDone = 0): Segment[] {
  const length = segmentLength(images, segmentEpochs);
  const count = Math.ceil(epochs / length);
  return Array.from({ length: count }, (_, k) => ({ from: k * length, to: Math.min(epochs, (k + 1) * length) })).filter(
    ({ to }) => to > epochsDone || to === epochs,
  );
}

/** "epochs 4–6 of 20", counted from one. */
export function epochsText({ from, to }: Segment, epochs: number): string {
  return to - from === 1 ? `epoch ${to} of ${epochs}` : `epochs ${from + 1}–${to} of ${epochs}`;
}
