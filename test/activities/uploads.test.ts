/** Checkpoints on their way into a store that is slow, away or refuses. */
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openUploads } from '../../activities/uploads.ts';
import { Failure } from '../../contracts/failures.ts';

let folder: string;
let told: (string | undefined)[];
let stop: AbortController;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fewlabels-test-'));
  told = [];
  stop = new AbortController();
});
afterEach(() => rm(folder, { recursive: true }));

const away = () => new Failure('StoreUnavailable', 'Cannot write as the store must answer');
const waiting = () => ({ signal: stop.signal, againSeconds: 0.02, tell: (why?: string) => void told.push(why) });

async function file(step: number): Promise<string> {
  const name = join(folder, `checkpoint-${step}`);
  await writeFile(name, String(step));
  return name;
}

/** Waits for a signal of the test before it answers. */
function gate(): { passed: Promise<void>; open(): void } {
  let open: () => void = () => undefined;
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { passed, open };
}

test('openUploads: one is under way, and of those behind it the newest alone is kept; no file stays', async () => {
  const slow = gate();
  const kept: number[] = [];
  const uploads = openUploads<number>(async (_, step) => {
    await slow.passed;
    kept.push(step);
  }, waiting());
  for (const step of [1, 2, 3, 4]) uploads.add(await file(step), step);
  expect(await readdir(folder)).toEqual(['checkpoint-1', 'checkpoint-4']);
  slow.open();
  await uploads.kept();
  expect(kept).toEqual([1, 4]);
  expect(await readdir(folder)).toEqual([]);
});

test('openUploads: a store that is away is waited for, and then gets the newest', async () => {
  let isAway = true;
  const kept: number[] = [];
  const uploads = openUploads<number>(async (_, step) => {
    if (isAway) throw away();
    kept.push(step);
  }, waiting());
  uploads.add(await file(1), 1);
  await expect.poll(() => told.length).toBeGreaterThan(2);
  for (const step of [2, 3]) uploads.add(await file(step), step);
  await expect.poll(() => readdir(folder)).toEqual(['checkpoint-3']);
  isAway = false;
  await uploads.kept();
  expect(kept).toEqual([3]);
  expect([told[0], told.at(-1)]).toEqual(['Cannot write as the store must answer', undefined]);
  expect(await readdir(folder)).toEqual([]);
});

test('openUploads: any other failure is told at once', async () => {
  const refused = new Failure('AccessDenied', 'Cannot write as the store must accept the credentials');
  const uploads = openUploads<number>(() => Promise.reject(refused), waiting());
  uploads.add(await file(1), 1);
  await expect(uploads.failure).rejects.toBe(refused);
  await expect(uploads.kept()).rejects.toBe(refused);
});

test('openUploads: when nobody waits any longer, what the store did not take is given up', async () => {
  const uploads = openUploads<number>(() => Promise.reject(away()), waiting());
  uploads.add(await file(1), 1);
  await sleep(50);
  stop.abort();
  await expect(uploads.kept()).rejects.toMatchObject({ kind: 'StoreUnavailable' });
});
