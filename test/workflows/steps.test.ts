import { expect, test } from 'vitest';
import { segmentsOf } from '../../workflows/steps.ts';

test('segmentsOf: K epochs each, without those that are done', () => {
  expect(segmentsOf(5, 100, 2)).toEqual([
    { from: 0, to: 2 },
    { from: 2, to: 4 },
    { from: 4, to: 5 },
  ]);
  expect(segmentsOf(5, 100, 2, 3).map(({ from }) => from)).toEqual([2, 4]);
});

test('segmentsOf: the last one stays when its epochs are done, as a run may have ended between its last checkpoint and its model', () => {
  expect(segmentsOf(5, 100, 2, 5)).toEqual([{ from: 4, to: 5 }]);
});
