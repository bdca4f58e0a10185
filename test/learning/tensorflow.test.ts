/** TensorFlow where set-up has not been run: a copy of the file that loads it, in a folder without packages. */
import { execFile } from 'node:child_process';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const LOADER = fileURLToPath(new URL('../../learning/tensorflow.ts', import.meta.url));

test('TensorFlow: where set-up has not been run, the error says so', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'fewlabels-bare-'));
  try {
    await copyFile(LOADER, join(folder, 'tensorflow.mts'));
    const args = ['--import', import.meta.resolve('tsx'), join(folder, 'tensorflow.mts')];
    const failure = await promisify(execFile)(process.execPath, args).catch((error: { stderr: string }) => error);
    expect(failure.stderr).toMatch(/Error: Cannot load TensorFlow as set-up must .*: run `npm run setup`\. It said: Cannot find module/);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
