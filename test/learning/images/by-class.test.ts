import { expect, test } from 'vitest';
import { byClass, countsOf, numbersWhere } from '../../../learning/images/by-class.ts';

const labels = Int32Array.of(2, 0, -1, 2, 0, 0);

test('byClass: positions of each class, also of one that has none, and none of images without a label', () => {
  expect(byClass(labels, 4).map((positions) => [...positions])).toEqual([[1, 4, 5], [], [0, 3], []]);
  expect(byClass(labels, 3, Int32Array.of(5, 2, 3, 1)).map((positions) => [...positions])).toEqual([[5, 1], [], [3]]);
});

test('countsOf: the images of each class', () => {
  expect(countsOf(labels, 4)).toEqual([3, 0, 2, 0]);
  expect(countsOf(labels, 3, Int32Array.of(5, 2, 3, 1))).toEqual([2, 0, 1]);
});

test('numbersWhere: the numbers that are wanted, ascending', () => {
  expect([...numbersWhere(6, (number) => number % 2 === 1)]).toEqual([1, 3, 5]);
  expect([...numbersWhere(0, () => true)]).toEqual([]);
});
