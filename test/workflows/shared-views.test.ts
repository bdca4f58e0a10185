/** Two runs that want the same views at once, on real servers with real workers: each deletes them when it is done with them. */
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import type { RecipeInput } from '../../contracts/recipe.ts';
import type { RunResult } from '../../contracts/scores.ts';
import { startWorkers, TINY, type Workers } from './workers.ts';

/** More files in a segment than are ever put before a trainer at once, so that it looks for views to its end. */
const EPOCHS = 12;
const recipeAt = (temperature: number): RecipeInput => ({
  ...TINY,
  labels: { fractions: [0.5] },
  pretrain: { epochs: 2 * EPOCHS, segmentEpochs: EPOCHS, batch: 48, temperature },
});
const RECIPES = { warm: recipeAt(0.5), cold: recipeAt(0.1) };

let workers: Workers;
beforeAll(async () => {
  workers = await startWorkers(inject('services'), 'shared-views-test');
}, 300_000);
afterAll(() => workers?.stop());

test('runs that share their views end with the students that they have alone, however one deletes what the other reads', async () => {
  const alone = [await workers.run('warm-alone', RECIPES.warm), await workers.run('cold-alone', RECIPES.cold)];
  await (await workers.artifactsOf('representation')).forget(); // what was made of one is found again if it comes out the same
  const handles = [await workers.start('warm', RECIPES.warm), await workers.start('cold', RECIPES.cold)];
  const together = await Promise.all(handles.map(async (handle) => (await handle.result()) as RunResult));
  expect(together.map(({ student }) => student)).toEqual(alone.map(({ student }) => student));
  expect(alone[0]?.student.digest).not.toBe(alone[1]?.student.digest);
  const written = await Promise.all(['warm', 'cold'].map(async (id) => (await workers.activitiesOf(id)).augment ?? 0));
  expect(written.reduce((sum, times) => sum + times)).toBeGreaterThan(2 * 2); // some were lost
  for (const times of written) expect(times).toBeLessThanOrEqual(2 * 2); // each at most once
}, 900_000);
