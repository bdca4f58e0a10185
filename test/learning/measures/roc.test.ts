import { expect, test } from 'vitest';
import { EXACT_SCORES, macroArea, type Ranking, ranking } from '../../../learning/measures/roc.ts';
import { randomStream } from '../../../learning/random.ts';

const binned = () => ranking(EXACT_SCORES + 1, 1);

function counted(to: Ranking, images: number): Ranking {
  const random = randomStream(1, 'scores');
  for (let i = 0; i < images; i++) {
    const isOfClass = random.uniform() < 0.2;
    to.count(Math.fround(1 / (1 + Math.exp(3 - 2 * random.normal() - (isOfClass ? 1 : 0)))), isOfClass);
  }
  return to;
}

test('ranking: the area is the share of pairs in the right order, ties counting half', () => {
  const scores = ranking(5, 1);
  for (const score of [0.9, 0.4]) scores.count(score, true);
  for (const score of [0.1, 0.4, 0.95]) scores.count(score, false);
  expect(scores.area()).toMatchObject({ area: expect.closeTo((2 + 1.5) / 6, 12), within: 0 }); // 0.9 beats two; 0.4 beats one and ties with one
});

test('ranking: in bins the area is off by no more than it says, and that is little', () => {
  const exact = counted(ranking(20_000, 1), 20_000).area()!;
  const near = counted(binned(), 20_000).area()!;
  expect(exact.within).toBe(0);
  expect(near.within).toBeGreaterThan(0);
  expect(near.within).toBeLessThan(2e-3);
  expect(Math.abs(near.area - exact.area)).toBeLessThanOrEqual(near.within);
  expect(near.deviation! / exact.deviation!).toBeCloseTo(1, 2);
});

test('ranking: scores of 0 and 1 have bins too', () => {
  const scores = binned();
  scores.count(1, true);
  scores.count(0, false);
  expect(scores.area()).toEqual({ area: 1, within: 0 }); // and no deviation of one image a side
  scores.count(0, true);
  expect(scores.area()).toMatchObject({ area: 0.75, within: 0.25 });
});

test('ranking: the deviation is the spread of the areas of other draws', () => {
  const random = randomStream(2, 'draws');
  const areas = Array.from({ length: 1000 }, () => {
    const scores = ranking(60, 1);
    for (let i = 0; i < 60; i++) scores.count(0.5 + 0.05 * random.normal() + (i < 20 ? 0.04 : 0), i < 20);
    return scores.area()!;
  });
  const mean = areas.reduce((sum, { area }) => sum + area, 0) / 1000;
  const spread = Math.sqrt(areas.reduce((sum, { area }) => sum + (area - mean) ** 2, 0) / 1000);
  const told = areas.reduce((sum, { deviation }) => sum + deviation!, 0) / 1000;
  expect(told / spread).toBeCloseTo(1, 1);
});

test.each([() => ranking(4, 1), binned])('ranking: without images of the class, or of the rest, there is no area', (make) => {
  const scores = make();
  scores.count(0.5, true);
  expect(scores.area()).toBeUndefined();
});

test('ranking: more images than were announced are refused', () => {
  const scores = ranking(1, 1);
  scores.count(0.5, true);
  expect(() => scores.count(0.5, false)).toThrow('at most 1 images');
});

test('macroArea: the mean over the classes that have one; of two classes the second’s', () => {
  const [a, b] = [
    { area: 0.6, within: 0.01 },
    { area: 0.8, within: 0.03 },
  ];
  expect(macroArea([a, undefined, b])).toEqual({ area: expect.closeTo(0.7, 12), within: expect.closeTo(0.02, 12) });
  expect(macroArea([a, { ...b, deviation: 0.1 }])).toEqual({ ...b, deviation: 0.1 });
  expect(macroArea([undefined, undefined, undefined])).toBeUndefined();
});
