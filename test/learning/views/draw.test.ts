import { expect, test } from 'vitest';
import { drawViews, NO_JITTER, ORDERS, type ViewRecipe } from '../../../learning/views/draw.ts';

const recipe: ViewRecipe = { kind: 'simclr', jitter: 0.5, minArea: 0.08, blur: true };
const ids = Array.from({ length: 5000 }, (_, i) => `train/cat/${i}.png`);
const share = (values: ArrayLike<number>, holds: (value: number) => boolean) => Array.from(values).filter(holds).length / values.length;

test('drawViews: flip, jitter, grayscale and blur come as often as SimCLR has them', () => {
  const { flip, order, gray, sigma } = drawViews(recipe, 1, 0, ids, 2, 64); // 10,000 views: four standard deviations are 0.02
  expect(Math.abs(share(flip, Boolean) - 0.5)).toBeLessThan(0.02);
  expect(Math.abs(share(order, (value) => value !== NO_JITTER) - 0.8)).toBeLessThan(0.016);
  expect(Math.abs(share(gray, Boolean) - 0.2)).toBeLessThan(0.016);
  expect(Math.abs(share(sigma, Boolean) - 0.5)).toBeLessThan(0.02);
});

test('drawViews: all 24 orders come equally often', () => {
  const { order } = drawViews(recipe, 1, 0, ids, 2, 64);
  for (let wanted = 0; wanted < ORDERS; wanted++) {
    expect(Math.abs(share(order, (value) => value === wanted) - 0.8 / ORDERS)).toBeLessThan(0.008);
  }
});

test.each([
  ['brightness', 0.6, 1.4],
  ['contrast', 0.6, 1.4],
  ['saturation', 0.6, 1.4],
  ['hue', -0.1, 0.1],
  ['sigma', 0.1, 2],
] as const)('drawViews: %s is uniform in %f to %f', (name, least, most) => {
  const parameters = drawViews(recipe, 1, 0, ids, 2, 64);
  const on = (_: number, row: number) => (name === 'sigma' ? parameters.sigma[row]! > 0 : parameters.order[row] !== NO_JITTER);
  const parts = Array.from(parameters[name])
    .filter(on)
    .map((value) => (value - least) / (most - least));
  expect(Math.min(...parts)).toBeGreaterThan(-1e-6);
  expect(Math.max(...parts)).toBeLessThan(1 + 1e-6);
  for (let tenth = 0; tenth < 10; tenth++) {
    expect(Math.abs(share(parts, (part) => Math.floor(part * 10) === tenth) - 0.1)).toBeLessThan(0.02);
  }
});

test('drawViews: a strong jitter has no factor below 0', () => {
  const { brightness } = drawViews({ ...recipe, jitter: 2 }, 1, 0, ids, 1, 64);
  expect(Math.min(...brightness)).toBe(0);
  expect(Math.max(...brightness)).toBeLessThanOrEqual(2.6 + 1e-6);
});

test('drawViews: an image has the same views whatever images are drawn with it', () => {
  const all = drawViews(recipe, 1, 3, ids.slice(0, 10), 2, 64);
  const one = drawViews(recipe, 1, 3, [ids[7]!], 2, 64);
  expect(one.boxes).toEqual(all.boxes.slice(14, 16));
  for (const name of ['flip', 'order', 'brightness', 'contrast', 'saturation', 'hue', 'gray', 'sigma'] as const) {
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

test('drawViews: light views are cropped and flipped only', () => {
  const { order, gray, sigma, flip, boxes } = drawViews({ ...recipe, kind: 'light' }, 1, 0, ids, 1, 64);
  expect(order.every((value) => value === NO_JITTER)).toBe(true);
  expect([...gray, ...sigma].every((value) => value === 0)).toBe(true);
  expect(share(flip, Boolean)).toBeGreaterThan(0.45);
  expect(boxes.some(({ height }) => height < 32)).toBe(true);
});
