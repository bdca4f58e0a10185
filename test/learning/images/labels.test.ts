import { describe, expect, test } from 'vitest';
import { drawLabels } from '../../../learning/images/labels.ts';

/** 200 images of class 0, 100 of class 1, 3 of class 2, 97 without label; mixed. */
const labels = Int32Array.from({ length: 400 }, (_, i) => {
  const turn = (i * 37) % 400; // 37 and 400 share no factor: a permutation
  return turn < 200 ? 0 : turn < 300 ? 1 : turn < 303 ? 2 : -1;
});
const countsOf = (positions: Int32Array) => [0, 1, 2].map((label) => positions.filter((position) => labels[position] === label).length);

describe('drawLabels', () => {
  test.each([
    [0.01, [2, 1, 1]],
    [0.1, [20, 10, 1]],
    [0.5, [100, 50, 2]], // round(1.5) = 2
    [1, [200, 100, 3]],
  ])('drawLabels: a fraction of %f takes its share of each class, and one at least', (fraction, counts) => {
    expect(countsOf(drawLabels(labels, 3, fraction, 0, 1))).toEqual(counts);
  });

  test('drawLabels: positions are ascending, distinct and labelled', () => {
    const positions = [...drawLabels(labels, 3, 0.3, 2, 5)];
    expect(positions).toEqual([...new Set(positions)].sort((a, b) => a - b));
    expect(positions.every((position) => labels[position]! >= 0)).toBe(true);
  });

  test('drawLabels: a smaller fraction lies inside a larger one of the same draw', () => {
    const large = new Set(drawLabels(labels, 3, 0.1, 4, 1));
    expect([...drawLabels(labels, 3, 0.01, 4, 1)].every((position) => large.has(position))).toBe(true);
  });

  test('drawLabels: draws and seeds differ, the same ones agree', () => {
    const first = drawLabels(labels, 3, 0.1, 0, 1);
    expect(drawLabels(labels, 3, 0.1, 0, 1)).toEqual(first);
    expect(drawLabels(labels, 3, 0.1, 1, 1)).not.toEqual(first);
    expect(drawLabels(labels, 3, 0.1, 0, 2)).not.toEqual(first);
  });

  test('drawLabels: a class without images is left out, and fractions out of range are refused', () => {
    expect(drawLabels(Int32Array.of(0, 2), 4, 0.5, 0, 1)).toEqual(Int32Array.of(0, 1));
    for (const fraction of [0, -0.1, 1.1, Number.NaN]) expect(() => drawLabels(labels, 3, fraction, 0, 1)).toThrow(RangeError);
  });
});
