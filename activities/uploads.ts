/**
 * Checkpoints on their way into the store: one under way, and behind it the newest. Nothing is lost because the store is away for a while,
 * and files do not pile up meanwhile: a checkpoint that a newer one has overtaken is deleted.
 */
import { rmSync } from 'node:fs';
import { type Waiting, whileAway } from './away.ts';

export type Uploads<Checkpoint> = {
  /** Take over a checkpoint and its file. */
  add(file: string, checkpoint: Checkpoint): void;
  /** Resolves when the newest is in the store. Rejects when one cannot be kept, or is given up. */
  kept(): Promise<void>;
  /** Rejects as soon as one cannot be kept, which a store that is away is no reason for; else never settles. */
  failure: Promise<never>;
};

/** @param keep  puts the checkpoint of a file into the store; done again after a store that was away, then with the newest one */
export function openUploads<Checkpoint>(
  keep: (file: string, checkpoint: Checkpoint) => Promise<void>,
  waiting: Waiting,
): Uploads<Checkpoint> {
  type Upload = { file: string; checkpoint: Checkpoint };
  let [underWay, newest]: (Upload | undefined)[] = [];
  let draining: Promise<void> = Promise.resolve();
  let fail: (reason: unknown) => void;
  const failure = new Promise<never>((_, reject) => {
    fail = reject;
  });
  failure.catch(() => undefined); // for whoever races it
  const drop = (upload: Upload | undefined) => upload && rmSync(upload.file, { force: true });
  const drain = async () => {
    while (newest) {
      await whileAway(async () => {
        if (newest) {
          drop(underWay);
          [underWay, newest] = [newest, undefined];
        }
        if (underWay) await keep(underWay.file, underWay.checkpoint);
      }, waiting);
      drop(underWay);
      underWay = undefined;
    }
  };
  return {
    add(file, checkpoint) {
      drop(newest);
      newest = { file, checkpoint };
      if (underWay) return;
      draining = drain();
      draining.catch((reason) => fail(reason));
    },
    kept: () => draining,
    failure,
  };
}
