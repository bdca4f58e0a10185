/** Trainers and workers that are killed, on real servers with real worker processes, small. */
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import type { RecipeInput } from '../../contracts/recipe.ts';
import type { RunResult } from '../../contracts/scores.ts';
import { freezeTrainer, isAlive } from './freezing.ts';
import { TINY as RECIPE, startWorkers, type Workers } from './workers.ts';

/** Long enough to be killed in the middle of pretraining, twice, on a fast machine too. */
const LONG: RecipeInput = {
  ...RECIPE,
  name: 'long',
  labels: { fractions: [0.5] },
  pretrain: { epochs: 100, batch: 16, segmentEpochs: 50 },
};

let workers: Workers;
beforeAll(async () => {
  workers = await startWorkers(inject('services'), 'killed-test');
}, 300_000);
afterAll(() => workers?.stop());

test('a killed trainer and a killed training worker change nothing in the student', async () => {
  const undisturbed = await workers.run('undisturbed', LONG);
  await workers.emptyBucket();
  const handle = await workers.start('disturbed', LONG);
  const first = await freezeTrainer(workers, 'disturbed', 20);
  process.kill(first.trainer, 'SIGKILL');
  const second = await freezeTrainer(workers, 'disturbed', first.at + 40);
  await workers.kill('training');
  process.kill(second.trainer, 'SIGCONT');
  await expect.poll(() => isAlive(second.trainer), { timeout: 30_000 }).toBe(false);
  const result = (await handle.result()) as RunResult;
  expect(result.student.digest).toBe(undisturbed.student.digest);
  expect(result.scores).toEqual(undisturbed.scores);
}, 900_000);
