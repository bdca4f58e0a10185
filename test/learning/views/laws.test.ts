/** What is drawn follows its law: chi-square and Kolmogorov–Smirnov at the level 0.001, seeds fixed. */
import { expect, test } from 'vitest';
import type { ViewSettings } from '../../../contracts/trainer.ts';
import type { ViewLaws } from '../../../contracts/views.ts';
import { type Random, randomStream } from '../../../learning/random.ts';
import { type CropLaws, drawBox } from '../../../learning/views/crop-box.ts';
import { drawViews, NO_JITTER, ORDERS, type ViewParameters } from '../../../learning/views/draw.ts';
import { drawErased } from '../../../learning/views/erasing.ts';
import { NEVER } from '../../../learning/views/solarize.ts';
import { expectIndependent, expectLaw, expectProbability, expectShares, uniform } from './statistics.ts';

type Range = [least: number, most: number];

const recipe: ViewSettings = { kind: 'simclr', jitter: 0.5, minArea: 0.08, blur: true };
const ids = Array.from({ length: 2500 }, (_, i) => `train/cat/${i}.png`);
/** 5,000 views. */
const draw = (laws: Partial<ViewSettings> = {}) => drawViews({ ...recipe, ...laws }, 1, 0, ids, 2, 64);
const usual = draw();
const other = draw({
  flip: 0.3,
  verticalFlip: 0.4,
  jitterProbability: 0.6,
  grayscale: 0.1,
  blurProbability: 0.9,
  blurSigma: [1, 4],
  rotation: 30,
  solarize: 0.2,
  erasing: 0.25,
  jitterForm: 'v1',
});

const EVENTS = {
  flip: ({ flip }) => Array.from(flip, Boolean),
  verticalFlip: ({ verticalFlip }) => Array.from(verticalFlip, Boolean),
  jitterProbability: ({ order }) => Array.from(order, (value) => value !== NO_JITTER),
  grayscale: ({ gray }) => Array.from(gray, Boolean),
  blurProbability: ({ sigma }) => Array.from(sigma, Boolean),
  solarize: ({ solarize }) => Array.from(solarize, (from) => from !== NEVER),
  erasing: ({ erased }) => erased.map(Boolean),
} satisfies Partial<Record<keyof ViewLaws, (parameters: ViewParameters) => boolean[]>>;

test.each([
  ['flip', 0.5, 0.3],
  ['jitterProbability', 0.8, 0.6],
  ['grayscale', 0.2, 0.1],
  ['blurProbability', 0.5, 0.9],
] as const)('drawViews: %s is %f as SimCLR has it, and %f where the recipe says so', (name, simclr, own) => {
  expectProbability(EVENTS[name](usual), simclr);
  expectProbability(EVENTS[name](other), own);
});

test.each([
  ['verticalFlip', 0.4],
  ['solarize', 0.2],
  ['erasing', 0.25],
] as const)('drawViews: %s does not happen, and with probability %f where the recipe says so', (name, own) => {
  expect(EVENTS[name](usual).some(Boolean)).toBe(false);
  expectProbability(EVENTS[name](other), own);
});

test('drawViews: all 24 orders are equally likely', () => {
  const counts = new Array<number>(ORDERS + 1).fill(0);
  for (const order of usual.order) counts[order]!++;
  expectShares(counts.slice(0, ORDERS), new Array<number>(ORDERS).fill(1 / ORDERS));
});

test('drawViews: what happens to a view, and to the two views of an image, is independent', () => {
  const events = Object.values(EVENTS).map((of) => of(other));
  for (const [i, a] of events.entries()) {
    for (const b of events.slice(i + 1)) expectIndependent(a, b);
    const of = (view: number) => a.filter((_, row) => row % 2 === view);
    expectIndependent(of(0), of(1));
  }
});

const jittered =
  ({ order }: ViewParameters) =>
  (_: number, row: number) =>
    order[row] !== NO_JITTER;
test.each([
  ['brightness', usual, 0.6, 1.4],
  ['brightness', other, -0.4, 0.4],
  ['contrast', usual, 0.6, 1.4],
  ['saturation', usual, 0.6, 1.4],
  ['hue', usual, -0.1, 0.1],
] as const)('drawViews: %s is uniform', (name, parameters, least, most) => {
  expectLaw(parameters[name].filter(jittered(parameters)), uniform(least, most));
});

test('drawViews: σ and the angle are uniform in their ranges', () => {
  expectLaw(usual.sigma.filter(Boolean), uniform(0.1, 2));
  expectLaw(other.sigma.filter(Boolean), uniform(1, 4));
  expectLaw(other.angle, uniform(-30, 30));
  expectLaw(draw({ rotation: 180 }).angle, uniform(-180, 180));
});

test('drawViews: crops by the law that the recipe names', () => {
  const areas = (laws: Partial<ViewSettings>) => mean(draw(laws).boxes.map(({ height, width }) => (height * width) / 64 ** 2));
  // 0.410 and 0.484 at this size, by 200,000 draws each
  expect(Math.abs(areas({}) - 0.41)).toBeLessThan(0.015);
  expect(Math.abs(areas({ crop: 'torchvision' }) - 0.484)).toBeLessThan(0.015);
});

// Large, so that whole pixels do not show.
const SIDE = 4096;
const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
/** Places of a law that a mean over it is taken at: the midpoint rule. */
const midpoints = (least: number, most: number) => Array.from({ length: 400 }, (_, i) => least + ((i + 0.5) / 400) * (most - least));

test.each<CropLaws>([
  { crop: 'simclr', minArea: 0.08, maxArea: 1, aspect: [3 / 4, 4 / 3] },
  { crop: 'simclr', minArea: 0.2, maxArea: 0.5, aspect: [0.5, 0.9] },
])('drawBox: aspect uniform, height uniform at each aspect, hence the area; place uniform: %j', (laws) => {
  const random = randomStream(1, 'boxes');
  const boxes = Array.from({ length: 5000 }, () => drawBox(random, SIDE, laws));
  const { minArea, maxArea, aspect } = laws;
  expectLaw(
    boxes.map(({ height, width }) => width / height),
    uniform(...aspect),
  );
  // At aspect r the height h, as a share of the side, is uniform from √(minArea / r) to min(1, 1/r, √(maxArea / r)), and the area r·h².
  const areaAt = (r: number) => uniform(Math.sqrt(minArea / r), Math.min(1, 1 / r, Math.sqrt(maxArea / r)));
  expectLaw(
    boxes.map(({ height, width }) => (height * width) / SIDE ** 2),
    (area) => mean(midpoints(...aspect).map((r) => areaAt(r)(Math.sqrt(area / r)))),
  );
  const places = boxes.flatMap(({ top, left, height, width }) => [
    { at: top, of: SIDE - height + 1 },
    { at: left, of: SIDE - width + 1 },
  ]);
  expectLaw(
    places.filter(({ of }) => of > 400).map(({ at, of }) => (at + 0.5) / of),
    uniform(0, 1),
  );
});

/** Pixels and aspect of a box drawn by torchvision's law. */
const BY_AREA = {
  'drawBox, torchvision': (random: Random, [minArea, maxArea]: Range, aspect: Range) => {
    const { height, width } = drawBox(random, SIDE, { crop: 'torchvision', minArea, maxArea, aspect });
    return { area: height * width, ratio: width / height };
  },
  drawErased: (random: Random, area: Range, aspect: Range) => {
    const { height, width } = drawErased(random, SIDE, area, aspect)!;
    return { area: height * width, ratio: height / width };
  },
};

test.each<[keyof typeof BY_AREA, Range, Range]>([
  ['drawBox, torchvision', [0.08, 1], [3 / 4, 4 / 3]],
  ['drawBox, torchvision', [0.2, 0.5], [0.5, 0.9]],
  ['drawErased', [0.02, 0.33], [0.3, 3.3]],
  ['drawErased', [0.1, 0.2], [0.5, 1]],
])('%s: area in %j uniform, aspect in %j log-uniform, where the box fits', (name, area, aspect) => {
  const random = randomStream(1, 'by area');
  const boxes = Array.from({ length: 5000 }, () => BY_AREA[name](random, area, aspect));
  // A box of area a and aspect r fits where a·r < 1 and a/r < 1: so do (a) = log r uniform in what is left of its range.
  const logs = [Math.log(aspect[0]), Math.log(aspect[1])] as const;
  const fitting = (a: number) => Math.max(0, Math.min(logs[1], -Math.log(a)) - Math.max(logs[0], Math.log(a)));
  const total = mean(midpoints(...area).map(fitting));
  const below = (a: number) => (mean(midpoints(area[0], a).map(fitting)) * (a - area[0])) / (total * (area[1] - area[0]));
  expectLaw(
    boxes.map((box) => box.area / SIDE ** 2),
    (a) => Math.min(1, Math.max(0, below(a))),
  );
  const ratios = boxes.map(({ ratio }) => Math.log(ratio));
  const fits = (r: number) => Math.max(0, Math.min(area[1], Math.exp(-Math.abs(r))) - area[0]);
  const all = mean(midpoints(...logs).map(fits));
  expectLaw(ratios, (r) => Math.min(1, Math.max(0, (mean(midpoints(logs[0], r).map(fits)) * (r - logs[0])) / (all * (logs[1] - logs[0])))));
});

test('drawErased: no box where none is smaller than the view', () => {
  expect(drawErased(randomStream(1), 64, [0.995, 0.999], [1, 1])).toBeUndefined(); // √0.995 · 64 rounds to 64
});
