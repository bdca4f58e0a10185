import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { expect, test } from 'vitest';
import type { ViewSettings } from '../../../contracts/trainer.ts';
import { drawViews, NO_JITTER, type ViewParameters } from '../../../learning/views/draw.ts';

const recipe: ViewSettings = { kind: 'simclr', jitter: 0.5, minArea: 0.08, blur: true };
const ids = Array.from({ length: 5000 }, (_, i) => `train/cat/${i}.png`);
const QUANTITIES = ['flip', 'order', 'brightness', 'contrast', 'saturation', 'hue', 'gray', 'sigma'] as const;
const EXTRAS = ['verticalFlip', 'angle', 'solarize', 'erased'] as const;
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const share = (values: ArrayLike<number>, holds: (value: number) => boolean) => Array.from(values).filter(holds).length / values.length;

test('drawViews: the views of a seed stay what they were', () => {
  const drawn = drawViews(
    recipe,
    1,
    3,
    Array.from({ length: 100 }, (_, i) => `image ${i}`),
    2,
    64,
  );
  const numbers = QUANTITIES.map((name) => Array.from(drawn[name]));
  // Of the code as it was before these laws stood in the recipe.
  expect(sha256(JSON.stringify([drawn.boxes, ...numbers]))).toBe('14edd9b931ed0fdb3978219a5fc586473234b32404ffa8d4d613c62d5940ddee');
});

const extras: Partial<ViewSettings> = { solarize: 0.5, erasing: 0.5 };
test.each<[Partial<ViewSettings>, (keyof ViewParameters)[]]>([
  [{ crop: 'torchvision' }, ['boxes']],
  [{ minArea: 0.5 }, ['boxes']],
  [{ maxArea: 0.5 }, ['boxes']],
  [{ aspect: [1, 1] }, ['boxes']],
  [{ flip: 0.1 }, ['flip']],
  [{ verticalFlip: 0.1 }, ['verticalFlip']],
  [{ rotation: 10 }, ['angle']],
  [{ jitter: 0.4 }, ['brightness', 'contrast', 'saturation', 'hue']],
  [{ jitterForm: 'v1' }, ['jitterForm', 'brightness']],
  [{ jitterProbability: 0.1 }, ['order', 'brightness', 'contrast', 'saturation', 'hue']],
  [{ grayscale: 0.1 }, ['gray']],
  [{ blur: false }, ['sigma']],
  [{ blurProbability: 0.1 }, ['sigma']],
  [{ blurSigma: [0.1, 1] }, ['sigma']],
  [{ solarize: 0.1 }, ['solarize']],
  [{ solarizeThreshold: 0.6 }, ['solarize']],
  [{ erasing: 0.1 }, ['erased']],
  [{ erasingArea: [0.02, 0.1] }, ['erased']],
  [{ erasingAspect: [1, 1] }, ['erased']],
])('drawViews: with %j only %j are others', (change, names) => {
  const some = ids.slice(0, 100);
  const before = drawViews({ ...recipe, ...extras }, 1, 0, some, 2, 64);
  const after = drawViews({ ...recipe, ...extras, ...change }, 1, 0, some, 2, 64);
  const changed = (Object.keys(before) as (keyof ViewParameters)[]).filter((name) => !isDeepStrictEqual(before[name], after[name]));
  expect(changed.sort()).toEqual(names.sort());
});

test('drawViews: a brightness that is added swings as far as one that multiplies', () => {
  const [v2, v1] = [
    drawViews(recipe, 1, 0, ids.slice(0, 100), 2, 64),
    drawViews({ ...recipe, jitterForm: 'v1' }, 1, 0, ids.slice(0, 100), 2, 64),
  ];
  for (const [row, shift] of v1.brightness.entries()) expect(shift).toBeCloseTo(v2.brightness[row]! - 1, 6);
});

test('drawViews: a strong jitter has no factor below 0', () => {
  const { brightness } = drawViews({ ...recipe, jitter: 2 }, 1, 0, ids, 1, 64);
  expect(Math.min(...brightness)).toBe(0);
  expect(Math.max(...brightness)).toBeLessThanOrEqual(2.6 + 1e-6);
});

test('drawViews: an image has the same views whatever images are drawn with it', () => {
  const full: ViewSettings = { ...recipe, verticalFlip: 0.5, rotation: 90, solarize: 0.5, erasing: 0.5 };
  const all = drawViews(full, 1, 3, ids.slice(0, 10), 2, 64);
  const one = drawViews(full, 1, 3, [ids[7]!], 2, 64);
  expect(one.boxes).toEqual(all.boxes.slice(14, 16));
  for (const name of [...QUANTITIES, ...EXTRAS]) {
    expect(one[name]).toEqual(all[name].slice(14, 16));
  }
});

test('drawViews: views of one image, epochs and seeds differ', () => {
  const boxesAt = (seed: number, epoch: number) => drawViews(recipe, seed, epoch, ids.slice(0, 20), 2, 224).boxes;
  const boxes = boxesAt(1, 0);
  expect(boxes.filter((_, row) => row % 2 === 0)).not.toEqual(boxes.filter((_, row) => row % 2 === 1));
  expect(boxesAt(1, 1)).not.toEqual(boxes);
  expect(boxesAt(2, 0)).not.toEqual(boxes);
});

test('drawViews: without jitter and blur all else stays as it was drawn', () => {
  const [full, plain] = [drawViews(recipe, 1, 0, ids, 1, 64), drawViews({ ...recipe, jitter: 0, blur: false }, 1, 0, ids, 1, 64)];
  expect(plain.order.every((order) => order === NO_JITTER)).toBe(true);
  expect(plain.sigma.every((sigma) => sigma === 0)).toBe(true);
  expect([plain.boxes, plain.flip, plain.gray]).toEqual([full.boxes, full.flip, full.gray]);
});

test.each(['finetune', 'distill'] as const)('drawViews: views to %s are cropped, mirrored and turned only', (kind) => {
  const full: ViewSettings = { ...recipe, verticalFlip: 1, rotation: 90, solarize: 1, erasing: 1, kind };
  const { order, gray, sigma, flip, boxes, verticalFlip, angle, solarize, erased } = drawViews(full, 1, 0, ids, 1, 64);
  const none = drawViews({ ...recipe, kind }, 1, 0, ids, 1, 64);
  expect({ solarize, erased }).toEqual({ solarize: none.solarize, erased: none.erased });
  expect(order.every((value) => value === NO_JITTER)).toBe(true);
  expect([...gray, ...sigma].every((value) => value === 0)).toBe(true);
  expect(share(flip, Boolean)).toBeGreaterThan(0.45);
  expect(verticalFlip.every((value) => value === 1)).toBe(true);
  expect(share(angle, (degrees) => Math.abs(degrees) > 45)).toBeGreaterThan(0.45);
  expect(boxes.some(({ height }) => height < 32)).toBe(true);
});

test('drawViews: a student does not see the crops that its teacher learnt from, nor either of them those of pretraining', () => {
  const boxes = (['simclr', 'finetune', 'distill'] as const).map((kind) => drawViews({ ...recipe, kind }, 1, 0, ids, 1, 64).boxes);
  const text = boxes.map((each) => each.map((box) => JSON.stringify(box)));
  for (const [one, other] of [
    [0, 1],
    [0, 2],
    [1, 2],
  ] as const) {
    const alike = ids.filter((_, i) => text[one]?.[i] === text[other]?.[i]);
    expect(alike.length).toBeLessThan(0.1 * ids.length);
  }
});
