/** Reads broken inputs one after the other, and tells what came of each. Started by `fuzz.ts`, which ends it when it hangs or grows. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inputOf, kindOf } from './kinds.ts';

/** Inputs `from`, `from` + 1, … below `to`. */
export type Task = { seed: number; kinds: string[]; from: number; to: number };
export type Said =
  | { type: 'begun'; number: number }
  | { type: 'read'; number: number; kind: string; reason?: string }
  | { type: 'wrong'; number: number; kind: string; error: string };

const say = (said: Said) => new Promise<void>((sent) => process.send?.(said, () => sent()));

async function perform(task: Task, folder: string): Promise<void> {
  for (let number = task.from; number < task.to; number++) {
    const { kind, bytes } = await inputOf(task, number);
    await say({ type: 'begun', number });
    const { read, isOurs } = kindOf(kind);
    const said = await read(bytes, folder).then(
      (): Said => ({ type: 'read', number, kind }),
      (error: unknown): Said =>
        isOurs(error)
          ? { type: 'read', number, kind, reason: (error as Error).message.slice(0, 200) }
          : { type: 'wrong', number, kind, error: error instanceof Error ? (error.stack ?? error.message) : String(error) },
    );
    await say(said);
  }
}

if (process.send) {
  process.once('message', async (task: Task) => {
    const folder = await mkdtemp(join(tmpdir(), 'fewlabels-fuzz-'));
    try {
      await perform(task, folder);
    } finally {
      await rm(folder, { recursive: true, force: true });
      process.disconnect();
    }
  });
}
