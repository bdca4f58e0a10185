import { expect, test } from 'vitest';
import { binomial } from '../../../learning/measures/binomial.ts';
import { Bootstrap, balancedInterval } from '../../../learning/measures/bootstrap.ts';
import { randomStream } from '../../../learning/random.ts';

/** Chance of k successes, from the logarithm of its factors. */
function chance(k: number, trials: number, share: number): number {
  let log = (trials - k) * Math.log(1 - share) + k * Math.log(share);
  for (let i = 1; i <= k; i++) log += Math.log((trials - k + i) / i);
  return Math.exp(log);
}

test.each([
  [12, 0.3], // few are expected: gaps
  [60, 0.4], // rejection, short factorials
  [200, 0.93], // rejection, of the failures
])('binomial: %i trials of %d come as often as the formula has it', (trials, share) => {
  const draws = 40_000;
  const random = randomStream(1, 'binomial', trials);
  const counts = new Array<number>(trials + 1).fill(0);
  for (let i = 0; i < draws; i++) counts[binomial(random, trials, share)]!++;
  const cells = counts.map((count, k) => ({ count, expected: draws * chance(k, trials, share) })).filter(({ expected }) => expected >= 10);
  const chiSquared = cells.reduce((sum, { count, expected }) => sum + (count - expected) ** 2 / expected, 0);
  const freedom = cells.length - 1;
  expect(chiSquared).toBeLessThan(freedom + 3.3 * Math.sqrt(2 * freedom) + 5); // p below 0.001
});

test('binomial: ten million trials have their mean and deviation', () => {
  const random = randomStream(1, 'many');
  const draws = Float64Array.from({ length: 2000 }, () => binomial(random, 1e7, 0.3) - 3e6);
  const mean = draws.reduce((sum, value) => sum + value, 0) / 2000;
  const variance = draws.reduce((sum, value) => sum + value ** 2, 0) / 2000;
  expect(Math.abs(mean)).toBeLessThan((3.3 * 1449) / Math.sqrt(2000)); // √(1e7·0.3·0.7) = 1449
  expect(Math.sqrt(variance) / 1449).toBeCloseTo(1, 1);
});

test('binomial: never and always', () => {
  const random = randomStream(1, 'ends');
  expect([binomial(random, 7, 0), binomial(random, 7, 1), binomial(random, 0, 0.5)]).toEqual([0, 7, 0]);
});

/** The bootstrap as it is told: draw images with replacement, one by one, and look at each. */
function imageByImage(images: [first: boolean, second: boolean][]): { accuracy: [number, number]; difference: [number, number] } {
  const random = randomStream(9, 'image by image');
  const ends = (values: number[]): [number, number] => {
    const sorted = values.sort((a, b) => a - b);
    return [sorted[Math.floor(0.025 * sorted.length)]!, sorted[Math.floor(0.975 * sorted.length)]!];
  };
  const resamples = Array.from({ length: 4000 }, () => images.map(() => images[random.integer(images.length)]!));
  const share = (drawn: typeof images, of: (image: (typeof images)[number]) => number) =>
    drawn.reduce((sum, one) => sum + of(one), 0) / drawn.length;
  return {
    accuracy: ends(resamples.map((drawn) => share(drawn, ([first]) => Number(first)))),
    difference: ends(resamples.map((drawn) => share(drawn, ([first, second]) => Number(first) - Number(second)))),
  };
}

test('Bootstrap: intervals are those of drawing the images one by one', () => {
  const kinds: [boolean, boolean, number][] = [
    [true, true, 120],
    [true, false, 45],
    [false, true, 15],
    [false, false, 20],
  ];
  const images = kinds.flatMap(([first, second, count]) => Array.from({ length: count }, (): [boolean, boolean] => [first, second]));
  const agreement = new Map(kinds.map(([first, second, count]) => [Number(first) + 2 * Number(second), count]));
  const bootstrap = new Bootstrap(agreement, 2, 0);
  const expected = imageByImage(images);
  for (const end of [0, 1] as const) {
    expect(Math.abs(bootstrap.accuracy(0)[end] - expected.accuracy[end])).toBeLessThanOrEqual(0.0101); // two images of 200
    expect(Math.abs(bootstrap.difference(0, 1)[end] - expected.difference[end])).toBeLessThanOrEqual(0.0101);
  }
});

test('Bootstrap: pairing tells models apart whose own intervals overlap', () => {
  const bootstrap = new Bootstrap(
    new Map([
      [0b11, 800],
      [0b10, 20],
      [0b00, 180],
    ]),
    2,
    0,
  );
  const [low, high] = [bootstrap.accuracy(1)[0], bootstrap.accuracy(0)[1]];
  expect(low).toBeLessThan(high);
  expect(bootstrap.difference(1, 0)[0]).toBeGreaterThan(0.01); // 2 points, ± 0.9
  expect(bootstrap.difference(1, 1)).toEqual([0, 0]);
});

test('Bootstrap: the interval of ten million images is that of the normal distribution', () => {
  const [low, high] = new Bootstrap(
    new Map([
      [1, 7_000_000],
      [0, 3_000_000],
    ]),
    1,
    0,
  ).accuracy(0);
  const reach = 1.96 * Math.sqrt((0.7 * 0.3) / 1e7);
  expect((high - low) / (2 * reach)).toBeCloseTo(1, 1);
  expect((low + high) / 2).toBeCloseTo(0.7, 4);
});

test('Bootstrap: the same counts and seed give the same interval, in whatever order they were counted', () => {
  const [one, other] = [
    new Map([
      [1, 30_000],
      [0, 12_000],
    ]),
    new Map([
      [0, 12_000],
      [1, 30_000],
    ]),
  ];
  expect(new Bootstrap(one, 1, 4).accuracy(0)).toEqual(new Bootstrap(other, 1, 4).accuracy(0));
  expect(new Bootstrap(one, 1, 5).accuracy(0)).not.toEqual(new Bootstrap(one, 1, 4).accuracy(0));
});

test('balancedInterval: that of drawing the images one by one', () => {
  const confusion = [
    [90, 10, 0],
    [9, 21, 0],
    [0, 4, 4], // so few that some resamples have none of them
  ];
  const images = confusion.flatMap((row, label) => row.flatMap((count, called) => Array.from({ length: count }, () => [label, called])));
  const random = randomStream(9, 'one by one');
  const balanced = Array.from({ length: 4000 }, () => {
    const drawn = images.map(() => images[random.integer(images.length)]!);
    const recalls = confusion.flatMap((_, c) => {
      const own = drawn.filter(([label]) => label === c);
      return own.length > 0 ? [own.filter(([, called]) => called === c).length / own.length] : [];
    });
    return recalls.reduce((sum, recall) => sum + recall, 0) / recalls.length;
  }).sort((a, b) => a - b);
  const [low, high] = balancedInterval(confusion, 0)!;
  expect(Math.abs(low - balanced[100]!)).toBeLessThan(0.012);
  expect(Math.abs(high - balanced[3899]!)).toBeLessThan(0.012);
});

test('balancedInterval: classes without images are left out; nothing is known of nothing', () => {
  const of = (images: number) =>
    balancedInterval(
      [
        [images, 0],
        [0, 0],
      ],
      0,
    );
  expect(of(5)).toEqual([1, 1]);
  expect(of(0)).toBeUndefined();
});
