import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { makeFolders } from '../../infra/local/folders.ts';

async function scratch(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'fewlabels-folders-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

test('makeFolders: makes what is missing, twice at once and again', async () => {
  const path = join(await scratch(), 'a', 'b', 'c');
  await Promise.all([makeFolders(path), makeFolders(path)]);
  await makeFolders(path);
  expect((await stat(path)).isDirectory()).toBe(true);
});

test('makeFolders: a file in the way is told', async () => {
  const file = join(await scratch(), 'file');
  await writeFile(file, '');
  await expect(makeFolders(file)).rejects.toThrow('is a file');
  await expect(makeFolders(join(file, 'x'))).rejects.toThrow('is a file');
});

// mkdir({ recursive: true }) of Node 20 never returns here
test.skipIf(process.platform !== 'linux')('makeFolders: where nothing can be made, it says so and ends', async () => {
  await expect(makeFolders('/proc/nothing/here')).rejects.toThrow(/ENOENT|EACCES|EPERM/);
});
