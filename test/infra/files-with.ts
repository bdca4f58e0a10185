/** Files in which a text stands, for what must or must not be left behind. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** All files below a folder. */
export async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

/** Those in whose bytes a text stands as it is. A file that goes away meanwhile has none. */
export async function filesWith(files: string[], text: string): Promise<string[]> {
  const needle = Buffer.from(text, 'latin1');
  const found = await Promise.all(
    files.map(async (file) => ((await readFile(file).catch(() => undefined))?.includes(needle) ? [file] : [])),
  );
  return found.flat();
}
