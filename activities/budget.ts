/**
 * How often an activity failed in one way without getting further. The counts travel in its heartbeats, which outlive an attempt: no
 * history grows for them, and an attempt on another machine knows them too.
 */
import { FAILURES, type FailureKind } from '../contracts/failures.ts';
import type { Failures, Pulse } from '../contracts/progress.ts';

export type Budget = {
  /** What heartbeats carry: while the attempt is at work, and the last one, by which the next attempt knows that it ended in order. */
  carried(isRunning: boolean): Pulse;
  /** One failure more. @param step  of the newest checkpoint that this attempt made @returns whether there were too many of this kind */
  isSpentBy(kind: FailureKind, step: number | undefined): boolean;
};

/**
 * Take up the counts where the attempt before left them. @param before  what its last heartbeat carried
 * @returns the budget, and whether attempts were lost with their workers too often
 */
export function openBudget(before: Pulse | undefined): { budget: Budget; isSpent: boolean } {
  let failures: Failures = before?.failures ?? { counts: {} };
  const isSpentBy: Budget['isSpentBy'] = (kind, step) => {
    failures = counted(failures, kind, step);
    return (failures.counts[kind] ?? 0) >= (FAILURES[kind].limit ?? Number.POSITIVE_INFINITY);
  };
  const isSpent = before?.isRunning === true && isSpentBy('WorkerLost', before.checkpoint?.step);
  const hasStepped = before?.hasStepped || (before?.done ?? 0) > 0;
  return { isSpent, budget: { isSpentBy, carried: (isRunning) => ({ failures, hasStepped, isRunning }) } };
}

/** A checkpoint that was made since the last failure is progress, and all begins anew. */
export function counted({ counts, step: last }: Failures, kind: FailureKind, step = last): Failures {
  const since = step === last ? counts : {};
  return { counts: { ...since, [kind]: (since[kind] ?? 0) + 1 }, step };
}
