/**
 * A worker that takes so many activities and no more, for machines that are started for one piece of work. Temporal polls for a task only with a
 * permit in hand, so none is taken that would be cut off.
 */
import type { ActivitySlotInfo, CustomSlotSupplier, WorkerTuner } from '@temporalio/worker';

export type Tasks = {
  tuner: WorkerTuner;
  /** Resolves when the last one is over, whether it went well or not. */
  done: Promise<void>;
};

/** @param most  activities in all @param atOnce  of them side by side */
export function takeTasks(most: number, atOnce = 1): Tasks {
  let [left, free] = [most, atOnce];
  let finish: () => void = () => undefined;
  const done = new Promise<void>((resolve) => (finish = resolve));
  const waiting = new Set<() => void>();
  const grant = () => {
    for (const take of waiting) {
      if (left === 0 || free === 0) return;
      left--;
      free--;
      waiting.delete(take);
      take();
    }
  };
  const supplier: CustomSlotSupplier<ActivitySlotInfo> = {
    type: 'custom',
    reserveSlot: (_, signal) =>
      new Promise((resolve, reject) => {
        signal.throwIfAborted();
        const take = () => resolve({});
        waiting.add(take);
        signal.addEventListener('abort', () => {
          if (waiting.delete(take)) reject(new DOMException('Nobody waits for it any more', 'AbortError'));
        });
        grant();
      }),
    tryReserveSlot: () => null, // no task that nobody polled for
    markSlotUsed: () => undefined,
    releaseSlot({ slotInfo }) {
      free++;
      if (!slotInfo)
        left++; // a poll that found no task
      else if (left === 0 && free === atOnce) finish();
      grant();
    },
  };
  const fixed = { type: 'fixed-size', numSlots: 1 } as const;
  return {
    done,
    tuner: {
      activityTaskSlotSupplier: supplier,
      workflowTaskSlotSupplier: fixed,
      localActivityTaskSlotSupplier: fixed,
      nexusTaskSlotSupplier: fixed,
    },
  };
}
