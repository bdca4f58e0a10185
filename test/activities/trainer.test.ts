/** The supervisor, with real trainers. */
import { readdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { Failure } from '../../contracts/failures.ts';
import { IDENTITY, openFragile, PATIENCE, pretraining, type Trial, trial } from './trainings.ts';

vi.setConfig({ testTimeout: 2 * PATIENCE });

/** Longer than a trainer takes to start on a busy machine. */
const STALL_SECONDS = 20;
const untilKept = (of: Trial, step = 1) =>
  expect.poll(() => of.beats.at(-1)?.checkpoint?.step, { timeout: PATIENCE }).toBeGreaterThanOrEqual(step);

const away = () => new Failure('StoreUnavailable', 'Cannot write as the store must answer');

test('superviseTrainer: a store that is away for a while costs no checkpoint, no file piles up, and heartbeats tell of it', async () => {
  const store = openFragile();
  const { train, views, scratch } = await pretraining(store, 20);
  const one = trial();
  let isAway: () => void = () => undefined;
  const begun = new Promise<void>((resolve) => (isAway = resolve));
  async function* supply() {
    yield views(0);
    await begun;
    for (let epoch = 1; epoch < 20; epoch++) yield views(epoch);
  }
  const training = train(one, undefined, { supply });
  await untilKept(one);
  store.problem = away();
  isAway();
  await expect.poll(() => one.beats.at(-1)?.done, { timeout: PATIENCE }).toBe(40); // it goes on to its end
  const [folder = ''] = await readdir(scratch);
  await expect
    .poll(async () => (await readdir(`${scratch}/${folder}/out`)).filter((name) => name.startsWith('checkpoint')))
    .toHaveLength(1);
  await expect.poll(() => one.beats.at(-1)?.warning).toMatch(/while the object store is away.*the store must answer/);
  store.problem = undefined;
  expect(await training).toMatchObject({ epochsDone: 20, result: { kind: 'representation' } });
  expect(one.beats.at(-1)).toMatchObject({ checkpoint: { step: 40, key: IDENTITY.key } });
  expect(one.beats.at(-1)?.warning).toBeUndefined();
  expect(await readdir(scratch)).toEqual([]);
});

test('superviseTrainer: a checkpoint that the store refuses ends the training at once', async () => {
  const store = openFragile();
  const { train, scratch } = await pretraining(store, 2000);
  const one = trial();
  const training = train(one);
  await untilKept(one);
  const { done = 0 } = one.beats.at(-1) ?? {};
  store.problem = new Failure('AccessDenied', 'Cannot write as the store must accept the credentials');
  await expect(training).rejects.toMatchObject({ kind: 'AccessDenied' });
  expect(one.beats.at(-1)?.done).toBeLessThan(done + 2000);
  expect(await readdir(scratch)).toEqual([]);
});

test('superviseTrainer: a killed trainer is told by its signal, and the next attempt goes on from the newest checkpoint to the same bits', async () => {
  const whole = await (await pretraining(openFragile(), 20)).train(trial());
  const { train, trainer, views, scratch } = await pretraining(openFragile(), 20);
  const one = trial();
  async function* supply() {
    for (const epoch of [0, 1]) yield views(epoch);
    await new Promise(() => undefined); // it cannot be over before it is killed
  }
  const training = train(one, undefined, { supply });
  await untilKept(one);
  process.kill(await trainer(), 'SIGKILL');
  await expect(training).rejects.toMatchObject({ kind: 'TrainerCrashed', message: expect.stringContaining('was ended by SIGKILL') });
  const { step = 0 } = one.beats.at(-1)?.checkpoint ?? {};
  expect(await readdir(scratch)).toEqual([]);
  const two = trial();
  expect((await train(two)).result?.digest).toBe(whole.result?.digest);
  expect(two.beats.find(({ done }) => done > 0)?.done).toBeGreaterThan(step);
});

test('superviseTrainer: a trainer that hangs with inputs before it is ended as stalled', async () => {
  const { train, trainer } = await pretraining(openFragile(), 2000, { stallSeconds: STALL_SECONDS });
  const one = trial();
  const training = train(one);
  await untilKept(one);
  process.kill(await trainer(), 'SIGSTOP');
  await expect(training).rejects.toMatchObject({
    kind: 'TrainerStalled',
    message: expect.stringMatching(/no progress for 20 s: step \d+ of 4000/),
  });
});

test('superviseTrainer: a trainer that is done is not taken for hung while its last checkpoint waits for the store', async () => {
  const store = openFragile();
  const { train, views } = await pretraining(store, 2, { stallSeconds: STALL_SECONDS });
  const one = trial();
  async function* supply() {
    yield views(0);
    await untilKept(one);
    store.problem = away();
    yield views(1);
  }
  const training = train(one, undefined, { supply });
  await expect.poll(() => one.beats.at(-1)?.done, { timeout: PATIENCE }).toBe(4);
  await sleep((STALL_SECONDS + 5) * 1000);
  store.problem = undefined;
  expect(await training).toMatchObject({ epochsDone: 2, result: { kind: 'representation' } });
});

test('superviseTrainer: a trainer that waits for its inputs is not taken for hung', async () => {
  const { train, views } = await pretraining(openFragile(), 2, { stallSeconds: STALL_SECONDS });
  async function* supply() {
    yield views(0);
    await sleep((STALL_SECONDS + 8) * 1000);
    yield views(1);
  }
  expect(await train(trial(), undefined, { supply })).toMatchObject({ epochsDone: 2 });
});

test('superviseTrainer: inputs that fail end the training after a last checkpoint', async () => {
  const { train, views, job, artifacts } = await pretraining(openFragile(), 2);
  const one = trial();
  async function* supply() {
    yield views(0);
    await expect.poll(() => one.beats.at(-1)?.done, { timeout: PATIENCE }).toBeGreaterThan(0);
    throw new Failure('ViewsMissing', 'Cannot pretrain as views are not there');
  }
  await expect(train(one, undefined, { supply, job: { ...job, checkpointSeconds: 1e6 } })).rejects.toMatchObject({ kind: 'ViewsMissing' });
  const { manifests } = await artifacts.checkpoints(IDENTITY.stage, IDENTITY.key);
  expect(manifests).toHaveLength(1);
});

test('superviseTrainer: cancelled, it keeps a last checkpoint within its grace', async () => {
  const { train, job, artifacts, scratch } = await pretraining(openFragile(), 2000);
  const one = trial();
  const training = train(one, undefined, { job: { ...job, checkpointSeconds: 1e6 } });
  await expect.poll(() => one.beats.at(-1)?.done, { timeout: PATIENCE }).toBeGreaterThan(0);
  one.cancel();
  await expect(training).rejects.toThrow(/aborted/);
  const { manifests } = await artifacts.checkpoints(IDENTITY.stage, IDENTITY.key);
  expect(manifests).toHaveLength(1);
  expect(await readdir(scratch)).toEqual([]);
});

test('superviseTrainer: cancelled while the store is away, it waits for it no longer than its grace', async () => {
  const store = openFragile();
  const { train, scratch } = await pretraining(store, 2000, { graceSeconds: 8 });
  const one = trial();
  const training = train(one);
  await untilKept(one);
  store.problem = away();
  await expect.poll(() => one.beats.at(-1)?.warning, { timeout: PATIENCE }).toBeDefined();
  const cancelled = performance.now();
  one.cancel();
  await expect(training).rejects.toThrow();
  expect(performance.now() - cancelled).toBeLessThan(8_000 + 2_000);
  expect(await readdir(scratch)).toEqual([]);
});
