import { expect, test } from 'vitest';
import { workLine, workOf } from '../../cli/work-lines.ts';

const now = new Date('2026-11-26T12:00:40Z');
const checkpoint = { step: 1200, key: 'chain', at: '2026-11-26T12:00:00Z' };

test('workLine: which try it is, after what, and how old the newest checkpoint is', () => {
  const line = (...work: [number, string?, object?]) => workLine(workOf('pretrain', work[0], work[1], work[2], now));
  expect(line(2, 'TrainerCrashed', { checkpoint, failures: { counts: { TrainerCrashed: 1 } } })).toBe(
    'pretrain: 2nd try after TrainerCrashed; last checkpoint step 1,200, 40 s ago',
  );
  expect(line(13, 'WorkerLost', { failures: { counts: { WorkerLost: 3, TrainerCrashed: 1 } } })).toBe(
    'pretrain: 13th try after WorkerLost, 3 times without progress',
  );
  expect(line(1, undefined, { checkpoint: { step: 5, key: 'chain' } })).toBe('pretrain: last checkpoint step 5');
  expect([2, 3, 4, 11, 21, 22].map((attempt) => line(attempt))).toEqual(
    ['2nd', '3rd', '4th', '11th', '21st', '22nd'].map((word) => `pretrain: ${word} try`),
  );
  expect(line(1, undefined, { done: 3 })).toBeUndefined();
});
