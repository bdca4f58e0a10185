/** Inputs of a trainer: they appear in `in/` of its folder one after the other, complete, a bounded number ahead of it. */
import { readdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { StoredObject } from '../contracts/artifacts.ts';
import type { Artifacts } from '../store/artifacts.ts';
import { type Waiting, whileAway } from './away.ts';

/** A file of `in/`: an object of the store, bytes made on the spot, or a file of the scratch folder to move there. */
export type InputFile = { name: string; content: StoredObject | Uint8Array | { file: string } };
export type InputFiles = AsyncIterable<InputFile> | Iterable<InputFile>;

const FILES_AHEAD = 8;

export type Inputs = {
  /** Resolves when the last one is there. */
  supplied: Promise<void>;
  /** Whether the trainer has nothing to read and more is to come. */
  isStarving(): Promise<boolean>;
};

/** Supply the files in this order. A store that is away is waited for where it is the file itself that it has. */
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
  const partial = 'file' in content ? content.file : join(folder, `${name}.partial`);
  if (content instanceof Uint8Array) await writeFile(partial, content);
  else if (!('file' in content)) await artifacts.readToFile(content, partial);
  await rename(partial, join(folder, 'in', name));
}
