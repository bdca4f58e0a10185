/** Which checkpoints of a training stay. */
import type { Retention } from '../contracts/artifacts.ts';

/** A checkpoint that can be used. */
export type Kept = { step: number; loss?: number };

/**
 * The steps that stay. What is let go once is never wanted later, so forgetting after each checkpoint is the same as forgetting at the end.
 * @param checkpoints  those that can be used, in any order; where a loss is missing the checkpoint is none of the best
 */
export function kept(checkpoints: Kept[], { last, best = 0, every }: Retention): Set<number> {
  const newestFirst = checkpoints.toSorted((a, b) => b.step - a.step);
  const bestFirst = newestFirst
    .flatMap(({ step, loss }) => (loss === undefined ? [] : [{ step, loss }]))
    .toSorted((a, b) => a.loss - b.loss || b.step - a.step);
  const newestOf = new Map<number, number>();
  if (every) for (const { step } of newestFirst) if (!newestOf.has(Math.floor(step / every))) newestOf.set(Math.floor(step / every), step);
  return new Set([
    ...newestFirst.slice(0, last).map(({ step }) => step),
    ...bestFirst.slice(0, best).map(({ step }) => step),
    ...newestOf.values(),
  ]);
}
