import { expect, test } from 'vitest';
import { balancedAccuracy, classMeasures, quadraticKappa } from '../../../learning/measures/confusion.ts';

test('classMeasures: found, right when named, and F1 from counts; 0 of 0 is undefined', () => {
  const [first, second, third] = classMeasures([
    [8, 2, 0],
    [4, 6, 0],
    [0, 0, 0],
  ]);
  expect(first).toEqual({ precision: 8 / 12, recall: 0.8, f1: 16 / 22 });
  expect(second).toEqual({ precision: 6 / 8, recall: 0.6, f1: 12 / 18 });
  expect(third).toEqual({ precision: undefined, recall: undefined, f1: undefined });
});

test('classMeasures: a class that has images and is never found has F1 0', () => {
  expect(
    classMeasures([
      [3, 0],
      [1, 0],
    ])[1],
  ).toEqual({ precision: undefined, recall: 0, f1: 0 });
});

test('balancedAccuracy: always answering the frequent class is worth 1/2 of two classes', () => {
  expect(
    balancedAccuracy([
      [99, 0],
      [1, 0],
    ]),
  ).toBe(0.5);
  expect(balancedAccuracy([[0]])).toBeUndefined();
});

test('quadraticKappa: missing by two grades costs four times as much as by one', () => {
  // Row and column sums are alike in both, so chance is the same; 2 images a grade off, or 2 images two grades off.
  const near = quadraticKappa([
    [3, 1, 0],
    [1, 2, 0],
    [0, 0, 3],
  ]);
  const far = quadraticKappa([
    [2, 0, 1],
    [0, 3, 0],
    [1, 0, 3],
  ]);
  expect(near).toBeCloseTo(1 - 2 / 13.8, 10); // Σ w·E: rows and columns 4, 3, 3 → (2·(4·3 + 3·3) + 2·4·4·3)/10 = 13.8
  expect(far).toBeCloseTo(1 - 8 / 13.8, 10);
});

test('quadraticKappa: 1 for agreement, 0 for chance, undefined for one class alone', () => {
  const table = (rows: number[][]) => quadraticKappa(rows);
  expect(
    table([
      [2, 0],
      [0, 5],
    ]),
  ).toBe(1);
  expect(
    table([
      [4, 4],
      [4, 4],
    ]),
  ).toBe(0);
  expect(
    table([
      [4, 0],
      [0, 0],
    ]),
  ).toBeUndefined();
});
