/** Set-up without its downloads: caching, patching, choosing servers, naming what is missing. */
import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { cached, withLock } from '../../infra/setup/cache.js';
import { applyPatch } from '../../infra/setup/patch.js';
import { cacheFolder, findServer, VERSIONS } from '../../infra/setup/tools.js';

const SETUP = fileURLToPath(new URL('../../infra/setup/setup.js', import.meta.url));
const quiet = () => undefined;
/** Above the highest process number that Linux gives. */
const NOBODY = 2 ** 22 + 1;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fewlabels-setup-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test('cached: two at once make the folder once, and both find it full', async () => {
  let times = 0;
  const place = join(folder, 'piece-1');
  const make = async (partial: string) => {
    times += 1;
    expect(existsSync(place)).toBe(false);
    await writeFile(join(partial, 'content'), 'full');
  };
  await Promise.all([cached(place, quiet, make), cached(place, quiet, make)]);
  expect(times).toBe(1);
  expect(await readFile(join(place, 'content'), 'utf8')).toBe('full');
  expect(await readdir(folder)).toEqual(['piece-1']);
});

test('cached: what a killed set-up left, half a folder and a lock, is no hindrance and goes away', async () => {
  await mkdir(join(folder, `piece-1.partial-${NOBODY}`));
  await writeFile(join(folder, 'piece-1.lock'), `${NOBODY} ${hostname()}`);
  await cached(join(folder, 'piece-1'), quiet, (partial) => writeFile(join(partial, 'content'), 'full'));
  expect(await readdir(folder)).toEqual(['piece-1']);
});

test('withLock: a process that outlives its set-up holds the lock until it ends', async () => {
  const outliving = spawn('sleep', ['1']);
  await writeFile(join(folder, 'lock'), `${NOBODY} ${hostname()} ${outliving.pid}`);
  const waited: string[] = [];
  await withLock(
    join(folder, 'lock'),
    (text) => waited.push(text),
    async () => expect(outliving.exitCode).toBe(0),
  );
  expect(waited[0]).toMatch(/another set-up is at it/);
});

test('cached: a failure leaves nothing, and the next try makes the folder', async () => {
  const place = join(folder, 'piece-1');
  const fail = async (partial: string) => {
    await writeFile(join(partial, 'content'), 'half');
    throw new Error('interrupted');
  };
  await expect(cached(place, quiet, fail)).rejects.toThrow('interrupted');
  expect(await readdir(folder)).toEqual([]);
  expect(await cached(place, quiet, async () => undefined)).toBe(place);
});

const DIFF = ['a note', '--- a/x.txt', '+++ b/x.txt', '@@ -2,2 +2,3 @@', ' two', '+two and a half', '-three', '+drei', ''].join('\n');

test('applyPatch: adds and removes the lines of a unified diff', async () => {
  await writeFile(join(folder, 'x.txt'), 'one\ntwo\nthree\nfour\n');
  await applyPatch(folder, DIFF);
  expect(await readFile(join(folder, 'x.txt'), 'utf8')).toBe('one\ntwo\ntwo and a half\ndrei\nfour\n');
});

test('applyPatch: refuses a file that is not the one the diff was made for, and leaves it', async () => {
  await writeFile(join(folder, 'x.txt'), 'one\ntwo\n3\nfour\n');
  await expect(applyPatch(folder, DIFF)).rejects.toThrow('Cannot patch "x.txt" as line 3 must be "three": it is "3"');
  expect(await readFile(join(folder, 'x.txt'), 'utf8')).toBe('one\ntwo\n3\nfour\n');
});

test('findServer: a suitable one on the PATH comes first, one too old or of another kind is passed over', async () => {
  const env = { PATH: join(folder, 'bin'), XDG_CACHE_HOME: join(folder, 'cache') };
  const built = join(cacheFolder(env), `temporal-${VERSIONS.temporal}`, 'temporal');
  const own = join(folder, 'bin', 'temporal');
  expect(await findServer('temporal', env)).toBeUndefined();
  await program(built, 'temporal version 0.0.0-DEV (Server 1.31.2, UI 2.50.1)');
  await program(own, 'temporal version 1.1.0 (Server 1.25.0, UI 2.30.3)');
  expect(await findServer('temporal', env)).toEqual({ file: built, version: 'server 1.31.2' });
  await program(own, 'temporal version 1.5.1 (Server 1.29.1, UI 2.42.1)');
  expect(await findServer('temporal', env)).toEqual({ file: own, version: 'server 1.29.1' });
});

test('findServer: a MinIO must be of autumn 2024 or later, or built from source', async () => {
  const env = { PATH: join(folder, 'bin'), XDG_CACHE_HOME: join(folder, 'cache') };
  const file = join(folder, 'bin', 'minio');
  const versionWhen = async (says: string) => {
    await program(file, says);
    return (await findServer('minio', env))?.version;
  };
  expect(await versionWhen('minio version RELEASE.2023-11-01T01-57-10Z (commit-id=x)')).toBeUndefined();
  expect(await versionWhen('minio version RELEASE.2025-09-07T16-13-09Z (commit-id=x)')).toBe('RELEASE.2025-09-07T16-13-09Z');
  expect(await versionWhen('minio version DEVELOPMENT.GOGET (commit-id=x)')).toBe('DEVELOPMENT.GOGET');
  expect(await versionWhen('something else')).toBeUndefined();
});

test('setup: all missing tools are named at once, with a way to do without Go', async () => {
  const { status, said } = await setUpWithoutTools({});
  expect(status).toBe(1);
  expect(said).toMatch(/^✖ Cannot set up as some tools are missing:\n/);
  expect(said).toMatch(/Python 3 with pip, to download TensorFlow: `apt-get install/);
  expect(said).toMatch(/a C\+\+ compiler, for the TensorFlow addon: `apt-get install/);
  expect(said).toMatch(/Go 1\.21 or later, to build Temporal and MinIO: .*Without it: .*TEMPORAL_ADDRESS and S3_ENDPOINT/);
});

test('setup: Go is not needed when the environment names both servers, and not for a server that it names', async () => {
  const both = await setUpWithoutTools({ TEMPORAL_ADDRESS: 'localhost:7233', S3_ENDPOINT: 'http://localhost:9000' });
  expect(both.said).toMatch(/Python 3 with pip/);
  expect(both.said).not.toMatch(/Go 1/);
  const one = await setUpWithoutTools({ S3_ENDPOINT: 'http://localhost:9000' });
  expect(one.said).toMatch(/to build Temporal: /);
});

/** With an empty cache, and a PATH on which there is only Node. It ends before it changes anything. */
async function setUpWithoutTools(more: Record<string, string>): Promise<{ status: number | null; said: string }> {
  const bin = join(folder, 'only-node');
  await mkdir(bin, { recursive: true });
  await symlink(process.execPath, join(bin, 'node')).catch(() => undefined);
  const env = { PATH: bin, HOME: folder, XDG_CACHE_HOME: join(folder, 'empty'), ...more };
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [SETUP], { env }, (_, __, stderr) => resolve({ status: child.exitCode, said: stderr }));
  });
}

/** An executable that prints one line. */
async function program(file: string, says: string): Promise<void> {
  await mkdir(join(file, '..'), { recursive: true });
  await writeFile(file, `#!/bin/sh\necho '${says}'\n`);
  await chmod(file, 0o755);
}
