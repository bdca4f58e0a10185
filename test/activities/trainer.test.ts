/** The supervisor, with real trainers. */
import { readdir } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { Failure } from '../../contracts/failures.ts';
import { IDENTITY, openFragile, pretraining, trial } from './trainings.ts';

const away = () => new Failure('StoreUnavailable', 'Cannot write as the store must answer');

test('superviseTrainer: a store that is away for a while costs no checkpoint, no file piles up, and heartbeats tell of it', async () => {
  const store = openFragile();
  const { train, scratch } = await pretraining(store, 20);
  const one = trial();
  const training = train(one);
  await expect.poll(() => one.beats.at(-1)?.checkpoint?.step, { timeout: 30_000 }).toBeGreaterThan(0);
  store.problem = away();
  await expect.poll(() => one.beats.at(-1)?.done, { timeout: 30_000 }).toBe(40); // it goes on to its end
  const [folder = ''] = await readdir(scratch);
  await expect
    .poll(async () => (await readdir(`${scratch}/${folder}/out`)).filter((name) => name.startsWith('checkpoint')))
    .toHaveLength(1);
  expect(one.beats.at(-1)?.warning).toMatch(/while the object store is away.*the store must answer/);
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
  await expect.poll(() => one.beats.at(-1)?.checkpoint?.step, { timeout: 30_000 }).toBeGreaterThan(0);
  const { done = 0 } = one.beats.at(-1) ?? {};
  store.problem = new Failure('AccessDenied', 'Cannot write as the store must accept the credentials');
  await expect(training).rejects.toMatchObject({ kind: 'AccessDenied' });
  expect(one.beats.at(-1)?.done).toBeLessThan(done + 2000);
  expect(await readdir(scratch)).toEqual([]);
});
