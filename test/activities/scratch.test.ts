/** Scratch folders of this process, of others, and of those that are gone. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { makeScratch, noteTrainer, scratchFolder, scratchPrefix, sweepScratch } from '../../activities/scratch.ts';
import { identify } from '../../infra/local/processes.ts';

let scratch: string;
beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'fewlabels-test-'));
});
afterEach(() => rm(scratch, { recursive: true, force: true }));

/** A name of this place, and of a process that had this one's number before. */
const ofEarlierLife = () => basename(scratchPrefix(scratch)).replace(/-[0-9a-f]{8}-$/, '-00000000-');
const longAgo = new Date(Date.now() - 2 * 3600_000);

test('sweepScratch: deletes what processes left that are gone, also those whose number was given again, and nothing else', async () => {
  const mine = basename(await scratchFolder(scratch));
  const gone = basename(scratchPrefix(scratch)).replace(`-${process.pid}-`, '-999999999-');
  for (const name of [`${ofEarlierLife()}a`, `${gone}b`, 'notes', 'fewlabels-test-c']) await mkdir(join(scratch, name));
  await writeFile(join(scratch, `${gone}file`), 'a checkpoint on its way');
  expect(await sweepScratch(scratch)).toEqual([]);
  expect((await readdir(scratch)).sort()).toEqual([mine, 'fewlabels-test-c', 'notes'].sort());
});

test('sweepScratch: what belongs to another machine or container goes when nobody has touched it for an hour', async () => {
  const other = ['fewlabels-0123abcd-1-00000000-live', 'fewlabels-0123abcd-1-00000000-left', 'fewlabels-999999999-older'];
  for (const name of other) await mkdir(join(scratch, name));
  for (const name of other.slice(1)) await utimes(join(scratch, name), longAgo, longAgo);
  await sweepScratch(scratch);
  expect(await readdir(scratch)).toEqual([other[0]]);
});

test('sweepScratch: a trainer that outlived its supervisor is ended before its folder goes', async () => {
  const trainer = spawn('sleep', ['60'], { stdio: 'ignore' });
  const ended = once(trainer, 'exit');
  const folder = join(scratch, `${ofEarlierLife()}a`);
  await mkdir(folder);
  await noteTrainer(folder, trainer.pid ?? 0);
  await sweepScratch(scratch);
  expect((await ended)[1]).toBe('SIGKILL');
  expect(await readdir(scratch)).toEqual([]);
});

test('sweepScratch: a process that has the number of an ended trainer is left alone', async () => {
  const folder = join(scratch, `${ofEarlierLife()}a`);
  await mkdir(folder);
  await writeFile(join(folder, 'trainer.json'), JSON.stringify({ ...identify(process.pid), started: 'earlier' }));
  await sweepScratch(scratch);
  expect(await readdir(scratch)).toEqual([]);
});

test('sweepScratch: what cannot be looked at is told, and the rest goes', async () => {
  const bad = 'fewlabels-0123abcd-1-00000000-nowhere';
  await symlink(join(scratch, 'nothing'), join(scratch, bad));
  const good = join(scratch, `${ofEarlierLife()}b`);
  await mkdir(good);
  await writeFile(join(good, 'trainer.json'), 'torn');
  expect(await sweepScratch(scratch)).toEqual([expect.stringContaining('ENOENT')]);
  expect(await readdir(scratch)).toEqual([bad]);
});

test('makeScratch: nobody else can look into it', async () => {
  await makeScratch(join(scratch, 'new'));
  expect((await stat(join(scratch, 'new'))).mode & 0o777).toBe(0o700);
  expect((await stat(await scratchFolder(scratch))).mode & 0o777).toBe(0o700);
});

test('sweepScratch: a folder of an older version stays as long as a process has its number', async () => {
  const folder = join(scratch, `fewlabels-${process.pid}-older`);
  await mkdir(folder);
  await utimes(folder, longAgo, longAgo);
  await sweepScratch(scratch);
  expect(await readdir(scratch)).toEqual([basename(folder)]);
});
