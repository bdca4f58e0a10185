/** Which labels a run takes, on real servers with real worker processes, small. */
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { failureOf } from '../../cli/failure-text.ts';
import { PROGRESS_QUERY, type RunProgress } from '../../contracts/progress.ts';
import { Recipe, type RecipeInput } from '../../contracts/recipe.ts';
import type { RunResult } from '../../contracts/scores.ts';
import { openFolder } from '../../learning/images/file-tree.ts';
import { planShards } from '../../learning/images/plan.ts';
import { startWorkers, type Workers } from './workers.ts';

/** 144 images to learn from. */
const RECIPE: RecipeInput = {
  name: 'labels',
  images: { train: { generated: 'shapes', perClass: 30 }, size: 16 },
  encoder: { width: 0.0625 },
  pretrain: { epochs: 1, batch: 16 },
  finetune: { epochs: 1, atLeastSteps: 1, batch: 16 },
  distill: { epochs: 1, batch: 16 },
  compute: { threads: 1 },
};
const SCORED = ['knn', 'probe', 'baseline', 'classifier', 'student'];

let workers: Workers;
beforeAll(async () => {
  workers = await startWorkers(inject('services'), 'labels-test');
}, 300_000);
afterAll(() => workers?.stop());

test('pipeline: draws that all take every label are one, and progress counts one', async () => {
  const handle = await workers.start('all', { ...RECIPE, labels: { perClass: [100], draws: 3 } });
  const { scores } = (await handle.result()) as RunResult;
  expect(scores.map(({ model, draw, images }) => `${model} ${draw} ${images}`)).toEqual(SCORED.map((model) => `${model} 0 144`));
  expect(await workers.activitiesOf('all')).toMatchObject({ drawLabels: 3, finetune: 2, evaluate: 1 });
  const { stages } = await handle.query<RunProgress>(PROGRESS_QUERY);
  expect(stages.filter(({ stage }) => ['classifier', 'student'].includes(stage))).toMatchObject([
    { state: 'done', done: 2, total: 2 },
    { state: 'done', done: 1, total: 1 },
  ]);
}, 300_000);

test('pipeline: a file of labels may lie elsewhere the next time, and its scores have its name', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'fewlabels-test-'));
  const { images, seed } = Recipe.parse(RECIPE);
  const { chunks } = await planShards({ images, seed, openTree: openFolder });
  const pool = [...chunks].filter(({ role }) => role === 'pool').flatMap((chunk) => chunk.images);
  const named = pool.filter(({ label }, i) => pool.findIndex((other) => other.label === label) === i);
  const scoresOf = async (name: string, text: string) => {
    const file = join(folder, name);
    await writeFile(file, text);
    const { scores } = await workers.run(name, { ...RECIPE, labels: { file } });
    return scores.map(({ model, accuracy, images, ...draw }) => ({ model, accuracy, images, draw, file }));
  };
  const ids = named.map(({ id }) => id);
  const first = await scoresOf('first.txt', ids.join('\n'));
  const second = await scoresOf('second.txt', ids.map((id) => `./${id}\n`).join(''));
  expect(first.map(({ images }) => images)).toEqual(SCORED.map(() => named.length));
  expect(second.map(({ file, draw, ...score }) => score)).toEqual(first.map(({ file, draw, ...score }) => score));
  for (const { draw, file } of [...first, ...second]) expect(draw).toMatchObject({ file, draw: 0 });
}, 300_000);

test('pipeline: a memory above the images to learn from fails before any training', async () => {
  const failed = workers.run('bad-memory', { ...RECIPE, pretrain: { ...RECIPE.pretrain, memory: { size: 144 } } });
  await expect(failed.catch(failureOf)).resolves.toMatchObject({
    kind: 'InvalidRecipe',
    message: expect.stringContaining('pretrain.memory.size: must be below the 144 images to learn from'),
  });
  expect(Object.keys(await workers.activitiesOf('bad-memory'))).not.toContain('pretrain');
}, 60_000);
