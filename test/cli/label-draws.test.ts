import { expect, test } from 'vitest';
import { drawnFrom, withoutLines } from '../../cli/label-draws.ts';
import { Recipe, type RecipeInput } from '../../contracts/recipe.ts';
import { openFolder } from '../../learning/images/file-tree.ts';
import { planShards } from '../../learning/images/plan.ts';

/** Of 504 labelled images to learn from, 84 of each of six classes. */
async function drawn(changes: Partial<RecipeInput>) {
  const images = { train: { generated: 'shapes' as const, perClass: 105 }, size: 16 };
  const recipe = Recipe.parse({ name: 'shapes', images, ...changes });
  return drawnFrom(recipe, await planShards({ images: recipe.images, seed: recipe.seed, openTree: openFolder }));
}

const alsoTry = { baseline: { alsoTry: [0.2] } };
const stopping = { stopping: { patience: 3 } };

test('drawnFrom: rates are tried on what calibration and early stopping leave to learn from', async () => {
  const facts = async (changes: Partial<RecipeInput>) =>
    (await drawn({ ...changes, labels: { fractions: [1], ...changes.labels } })).map(({ learnt, rates }) => [learnt, rates]);
  expect(await facts({ finetune: alsoTry })).toEqual([[504, 2]]);
  expect(await facts({ finetune: { ...alsoTry, ...stopping } })).toEqual([[402, 0]]);
  expect(await facts({ finetune: { ...alsoTry, stopping: { patience: 3, holdOut: 0.01 } } })).toEqual([[504, 2]]); // too few to stop by
  expect(await facts({ finetune: alsoTry, labels: { calibration: 0.2 } })).toEqual([[402, 0]]);
});

test('withoutLines: what labels are too few for, a line a share, whatever number of draws', async () => {
  const pretrain = { probeEpochs: 5 };
  expect(
    withoutLines(await drawn({ labels: { fractions: [0.01, 1], draws: 3 }, pretrain, finetune: { ...alsoTry, ...stopping } })),
  ).toEqual([
    'With 1 % of the labels: no early stopping, as 25 labelled images of every class are needed: of "checked" there are 1; one learning rate only for baselines, as about 500 labelled images are needed: there are 6',
    'With all labels: one learning rate only for baselines, as about 500 labelled images are needed: there are 402',
  ]);
  expect(withoutLines(await drawn({ labels: { fractions: [0.1, 0.5] }, pretrain }))).toEqual([
    'With 50 % of the labels: no probe while pretraining, as about 500 labelled images are needed: there are 252',
  ]);
  expect(withoutLines(await drawn({}))).toEqual([]);
});
