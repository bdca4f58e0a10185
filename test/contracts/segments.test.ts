import { expect, test } from 'vitest';
import { Recipe, type RecipeInput } from '../../contracts/recipe.ts';
import { segmentAt, segmentLength, viewsGigabytes, viewsWhere } from '../../contracts/segments.ts';

const recipeOf = (changes: Partial<RecipeInput> = {}) => Recipe.parse({ name: 'x', images: { train: 'x' }, ...changes });

test('segmentLength: auto passes 20,000 images at least', () => {
  expect([1, 5_000, 19_999, 20_000, 1_281_167].map((images) => segmentLength(images, 'auto'))).toEqual([20_000, 4, 2, 1, 1]);
  expect(segmentLength(5_000, 7)).toBe(7);
});

test('segmentAt: multiples of the length, wherever in them the chain stands; the last one is shorter', () => {
  expect([0, 3, 4, 7, 8, 9].map((done) => segmentAt(done, 4, 10))).toEqual([
    { from: 0, to: 4 },
    { from: 0, to: 4 },
    { from: 4, to: 8 },
    { from: 4, to: 8 },
    { from: 8, to: 10 },
    { from: 8, to: 10 },
  ]);
});

test('segmentAt: the last one where all epochs are done, as a run may have ended between its last checkpoint and its model', () => {
  expect([segmentAt(10, 4, 10), segmentAt(8, 4, 8), segmentAt(1, 20_000, 1)]).toEqual([
    { from: 8, to: 10 },
    { from: 4, to: 8 },
    { from: 0, to: 1 },
  ]);
});

test('viewsGigabytes: two segments of two views for each image and epoch, but no more epochs than there are', () => {
  // CIFAR-10 sample: 2 segments · 4 epochs · 5,000 images · 2 views · 32² · 3 bytes
  expect(viewsGigabytes(recipeOf({ pretrain: { epochs: 40 } }).pretrain, 5_000, 32)).toBeCloseTo(0.24576, 10);
  expect(viewsGigabytes(recipeOf({ pretrain: { epochs: 5 } }).pretrain, 5_000, 32)).toBeCloseTo((0.24576 * 5) / 8, 10);
  expect(viewsGigabytes(recipeOf({ pretrain: { epochs: 40, segmentEpochs: 1 } }).pretrain, 5_000, 32)).toBeCloseTo(0.24576 / 4, 10);
});

test('viewsWhere: auto is the workers until views would be above the budget', () => {
  const imagenet = [1_281_167, 224] as const; // 2 · 2 · 1,281,167 · 224² · 3 bytes = 771 GB
  expect(viewsWhere(recipeOf(), 5_000, 32)).toBe('workers');
  expect(viewsWhere(recipeOf(), ...imagenet)).toBe('device');
  expect(viewsWhere(recipeOf({ views: { storeGigabytes: 1_000 } }), ...imagenet)).toBe('workers');
  expect(viewsWhere(recipeOf({ views: { storeGigabytes: 0 } }), 5_000, 32)).toBe('device');
});

test('viewsWhere: a recipe that says where is not overruled', () => {
  expect(viewsWhere(recipeOf({ views: { where: 'device' } }), 5_000, 32)).toBe('device');
  expect(viewsWhere(recipeOf({ views: { where: 'workers', storeGigabytes: 0 } }), 5_000, 32)).toBe('workers');
});
