/** How trainers end that nobody asked to, and those that do not: real kernels, as far as root may have them do it. */
import { spawn } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test, vi } from 'vitest';
import { sweepScratch } from '../../activities/scratch.ts';
import { isAlive } from '../workflows/freezing.ts';
import { hasGroups, openGroup } from './control-groups.ts';
import { openFragile, PATIENCE, pretraining, type Trial, trial } from './trainings.ts';

vi.setConfig({ testTimeout: 2 * PATIENCE });

const untilStepped = (of: Trial) => expect.poll(() => of.beats.at(-1)?.done, { timeout: PATIENCE }).toBeGreaterThan(0);

/** Stopped in the kernel: no signal ends it until it is let go. */
function freeze(pid: number): () => void {
  const group = openGroup('freezer', 'fewlabels-test-frozen');
  group.take(pid);
  group.write('freezer.state', 'FROZEN');
  const thaw = () => group.write('freezer.state', 'THAWED');
  onTestFinished(async () => {
    thaw();
    await expect.poll(() => isAlive(pid), { timeout: PATIENCE }).toBe(false);
    group.end();
  });
  return thaw;
}

test.runIf(hasGroups('freezer'))(
  'superviseTrainer: one that hangs in the kernel holds nothing up; its folder goes when it does',
  async () => {
    const { train, trainer, scratch } = await pretraining(openFragile(), 2000, { stallSeconds: 20 });
    const one = trial();
    const training = train(one);
    await untilStepped(one);
    const pid = await trainer();
    const thaw = freeze(pid);
    await expect(training).rejects.toMatchObject({ kind: 'TrainerStalled' });
    expect(isAlive(pid)).toBe(true);
    expect(one.warnings).toEqual([expect.stringMatching(/^Trainer \d+ does not end by SIGKILL.*swept when it is gone/)]);
    expect(await readdir(scratch)).toHaveLength(1);
    expect(await sweepScratch(scratch)).toEqual([expect.stringContaining(`Trainer ${pid} does not end`)]);
    expect(await readdir(scratch)).toHaveLength(1);
    thaw();
    await expect.poll(() => isAlive(pid), { timeout: PATIENCE }).toBe(false);
    expect(await sweepScratch(scratch)).toEqual([]);
    expect(await readdir(scratch)).toEqual([]);
  },
);

test.runIf(hasGroups('freezer'))(
  'superviseTrainer: cancelled, it waits for one that hangs in the kernel no longer than its grace',
  async () => {
    const { train, trainer } = await pretraining(openFragile(), 2000, { graceSeconds: 8 });
    const one = trial();
    const training = train(one);
    await untilStepped(one);
    freeze(await trainer());
    const cancelled = performance.now();
    one.cancel();
    await expect(training).rejects.toThrow(/aborted/);
    expect(performance.now() - cancelled).toBeLessThan(8_000 + 2_000);
    expect(one.warnings).toHaveLength(1);
  },
);

test('superviseTrainer: cancelled while the store does not take its result, it waits for it no longer than its grace', async () => {
  const store = openFragile();
  const { train, views, scratch } = await pretraining(store, 2, { graceSeconds: 8 });
  const one = trial();
  const { putIfAbsent } = store;
  let isAsked = false;
  store.putIfAbsent = async (key, ...given) => {
    if (key.includes('/checkpoints/')) return putIfAbsent(key, ...given);
    isAsked = true;
    return new Promise(() => undefined);
  };
  const training = train(one, undefined, { supply: () => [views(0), views(1)] });
  await expect.poll(() => isAsked, { timeout: PATIENCE }).toBe(true);
  const cancelled = performance.now();
  one.cancel();
  await expect(training).rejects.toThrow(/aborted/);
  expect(performance.now() - cancelled).toBeLessThan(8_000 + 2_000);
  expect(await readdir(scratch)).toEqual([]);
});

/** Fills memory until the kernel has to end somebody: the trainer, which offers itself. */
const GREEDY = 'const kept = []; setInterval(() => kept.push(Buffer.alloc(8 * 2 ** 20, 1)), 5);';

test.runIf(hasGroups('memory'))(
  'superviseTrainer: one that the kernel ends for want of memory is told from one that somebody kills',
  async () => {
    const { train } = await pretraining(openFragile(), 2000);
    const one = trial();
    const group = openGroup('memory', 'fewlabels-test-memory');
    group.take(process.pid);
    onTestFinished(() => group.end());
    const training = train(one); // its trainer is in the group, too
    training.catch(() => undefined);
    await untilStepped(one);
    group.write('memory.limit_in_bytes', String(Number(group.read('memory.usage_in_bytes')) + 2 ** 28));
    const greedy = spawn(process.execPath, ['-e', GREEDY], { stdio: 'ignore' });
    onTestFinished(() => void greedy.kill('SIGKILL'));
    await expect(training).rejects.toMatchObject({
      kind: 'OutOfMemory',
      message: expect.stringMatching(/the kernel ended .*: step \d+ of/),
    });
    greedy.kill('SIGKILL');
    group.write('memory.limit_in_bytes', '-1');
    await sleep(100);

    const two = trial();
    const { train: again, trainer } = await pretraining(openFragile(), 2000);
    const killed = again(two);
    await untilStepped(two);
    process.kill(await trainer(), 'SIGKILL');
    await expect(killed).rejects.toMatchObject({ kind: 'TrainerCrashed' });
  },
);
