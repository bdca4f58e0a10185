/** What the rules of a recipe say of views without a box, against the laws that draw them. */
import { expect, test } from 'vitest';
import { Recipe } from '../../contracts/recipe.ts';
import { missedCrops, missedErasings } from '../../contracts/view-boxes.ts';
import { VIEW_LAWS } from '../../contracts/views.ts';
import { randomStream } from '../../learning/random.ts';
import { type CropLaws, drawBox } from '../../learning/views/crop-box.ts';
import { drawErased } from '../../learning/views/erasing.ts';

const DRAWS = 2000;
const defaults = Recipe.parse({ name: 'x', images: { train: 'x' } }).views;
const shareOf = (isMissed: (draw: number) => boolean) =>
  Array.from({ length: DRAWS }, (_, i) => isMissed(i)).filter(Boolean).length / DRAWS;

test.each([
  [0.08, 64, 0],
  [0.48, 64, 0.05],
  [0.485, 64, 0.5],
  [0.51, 64, 1], // two by one is half the image
])('missedCrops: aspects of 2 to 3 above %f of %i px miss as often as drawBox does, about %f', (minArea, size, about) => {
  const laws = { ...VIEW_LAWS, minArea, aspect: [2, 3] as [number, number] };
  const drawn = shareOf((i) => {
    const { height, width } = drawBox(randomStream(1, 'test', i), size, laws);
    return height === width; // the middle
  });
  const said = missedCrops({ ...defaults, ...laws }, size);
  expect(Math.abs(said - drawn)).toBeLessThan(0.1);
  expect(Math.abs(said - about)).toBeLessThan(0.2);
});

test.each([
  [0.25, 0],
  [0.46, 0.35],
  [0.48, 0.7],
  [0.51, 1],
])('missedCrops, torchvision: aspects of 2 to 3 above %f miss as often as drawBox does, about %f', (minArea, about) => {
  const laws = { ...VIEW_LAWS, crop: 'torchvision', minArea, aspect: [2, 3] } satisfies CropLaws;
  const drawn = shareOf((i) => {
    const { height, width } = drawBox(randomStream(1, 'test', i), 64, laws);
    return height === width; // the middle
  });
  const said = missedCrops({ ...defaults, ...laws }, 64);
  expect(Math.abs(said - drawn)).toBeLessThan(0.1);
  expect(Math.abs(said - about)).toBeLessThan(0.2);
});

test.each([
  [3.3, 0],
  [14, 0.2],
  [25, 0.5],
  [50, 1],
])('missedErasings: an aspect of %f misses as often as drawErased does, about %f', (ratio, about) => {
  const drawn = shareOf((i) => drawErased(randomStream(1, 'test', i), 64, VIEW_LAWS.erasingArea, [ratio, ratio]) === undefined);
  const said = missedErasings({ ...defaults, erasingAspect: [ratio, ratio] }, 64);
  expect(Math.abs(said - drawn)).toBeLessThan(0.05);
  expect(Math.abs(said - about)).toBeLessThan(0.1);
});

test('missedCrops, missedErasings: laws as SimCLR and torchvision have them miss nothing at any size', () => {
  for (const size of [8, 32, 224, 1024]) {
    expect(missedCrops(defaults, size)).toBeLessThan(1e-9);
    expect(missedCrops({ ...defaults, crop: 'torchvision' }, size)).toBeLessThan(1e-9);
    expect(missedErasings(defaults, size)).toBeLessThan(1e-9);
  }
});
