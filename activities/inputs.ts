/** Inputs of a trainer: they appear in `in/` of its folder one after the other, complete, a bounded number ahead of it. */
import { readdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { StoredObject } from '../contracts/artifacts.ts';
import type { Artifacts } from '../store/artifacts.ts';
import { type Waiting, whileAway } from './away.ts';

type Content = StoredObject | Uint8Array | { file: string };
/**
 * A file of `in/`: an object of the store, bytes made on the spot, or a file of the scratch folder to move there. What takes a look into the
 * store to know is a function, called when its turn comes, and again after a store that was away.
 */
export type InputFile = { name: string; content: Content | (() => Promise<Content>) };
export type InputFiles = AsyncIterable<InputFile> | Iterable<InputFile>;

const FILES_AHEAD = 8;

export type Inputs = {
  /** Resolves when the last one is there. */
  supplied: Promise<void>;
  /** Whether the trainer has nothing to read and more is to come. */
  isStarving(): Promise<boolean>;
};

/** Supply the files in this order. A store that is away is waited for. */
export function supplyInputs(folder: string, files: InputFiles, artifacts: Artifacts, waiting: Waiting): Inputs {
  let isOver = false;
  const supply = async () => {
    for await (const file of files) {
      while (!waiting.signal.aborted && (await unread(folder)) >= FILES_AHEAD) await delay(50);
      if (waiting.signal.aborted) return;
      await whileAway(() => place(folder, file, artifacts), waiting);
    }
  };
  const supplied = supply().finally(() => {
    isOver = true;
  });
  supplied.catch(() => undefined); // for whoever awaits it
  return { supplied, isStarving: async () => !isOver && (await unread(folder)) === 0 };
}

async function unread(folder: string): Promise<number> {
  const names = await readdir(join(folder, 'in'));
  return names.filter((name) => /^e\d+-s\d+\./.test(name)).length;
}

/** Files appear in `in/` complete or not at all. */
export async function place(folder: string, { name, content }: InputFile, artifacts: Artifacts): Promise<void> {
  const found = typeof content === 'function' ? await content() : content;
  const partial = 'file' in found ? found.file : join(folder, `${name}.partial`);
  if (found instanceof Uint8Array) await writeFile(partial, found);
  else if (!('file' in found)) await artifacts.readToFile(found, partial);
  await rename(partial, join(folder, 'in', name));
}
