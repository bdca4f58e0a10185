/** Folders on this disk. */
import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Make a folder and those above it, where they are missing. One at a time: Node's own `recursive` never returns below /proc, where
 * the folder above is there and yet nothing can be made (nodejs/node: mkdir answers ENOENT, which it takes for a missing parent).
 * @param mode  of the folders made
 * @throws the system's error
 */
export async function makeFolders(path: string, mode?: number): Promise<void> {
  if ((await stat(path).catch(() => undefined))?.isDirectory()) return;
  const above = dirname(path);
  if (above !== path) await makeFolders(above, mode);
  await mkdir(path, { mode }).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
    if (!(await stat(path)).isDirectory()) throw new Error(`"${path}" is a file`); // else somebody was faster
  });
}
