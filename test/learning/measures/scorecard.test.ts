import { expect, test } from 'vitest';
import { Scorecard } from '../../../learning/measures/scorecard.ts';
import { goldenAnswers } from './golden.ts';

/** As scikit-learn has it, to 1e-6; null is what neither defines. */
const like = (value: number | null) => (value === null ? undefined : expect.closeTo(value, 6));

test.each(['seven', 'absent', 'two'] as const)('Scorecard: %s classes, all measures are scikit-learn’s', async (name) => {
  const { truth, rows, classes, expected } = await goldenAnswers(name);
  const card = new Scorecard(classes, truth.length);
  for (const [i, row] of rows.entries()) card.count(truth[i]!, row);
  const { accuracy, confusion, perClass, measures } = card.score({ graded: true });
  expect(accuracy).toEqual(like(expected.accuracy));
  expect(confusion).toEqual(expected.confusion);
  for (const measure of ['top5', 'balancedAccuracy', 'kappa', 'loss', 'auc', 'calibrationError'] as const)
    expect([measure, measures[measure]]).toEqual([measure, like(expected[measure])]);
  const reach = measures.aucInterval && (measures.aucInterval[1] - measures.aucInterval[0]) / 2;
  expect(reach).toEqual(like(expected.aucDeviation && 1.96 * expected.aucDeviation));
  for (const [c, row] of perClass.entries()) {
    const { precision, recall, f1, auc } = row;
    expect({ precision, recall, f1, auc }).toEqual({
      precision: like(expected.precision[c]!),
      recall: like(expected.recall[c]!),
      f1: like(expected.f1[c]!),
      auc: like(expected.areas[c]!),
    });
  }
});

test('Scorecard: kappa is of grades only, top 5 of more than five classes only', () => {
  const card = new Scorecard(5, 1);
  card.count(0, [0.1, 0.2, 0.3, 0.3, 0.1]);
  expect(card.score().measures).toMatchObject({ kappa: undefined, top5: undefined });
});

test('Scorecard: of equal probabilities the first is named, and counts as the likelier', () => {
  const card = new Scorecard(6, 2);
  expect(card.count(1, [0.5, 0.5, 0, 0, 0, 0])).toBe(0);
  expect(card.count(5, [1, 0, 0, 0, 0, 0])).toBe(0); // five classes stand before the last
  expect(card.score().measures.top5).toBe(0.5);
});

test('Scorecard: what ten million images need does not grow with them', () => {
  const before = process.memoryUsage().arrayBuffers;
  const card = new Scorecard(10, 10_000_000);
  for (let i = 0; i < 1000; i++)
    card.count(
      i % 10,
      Float32Array.from({ length: 10 }, (_, c) => (c === i % 10 ? 0.91 : 0.01)),
    );
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 20); // one float a class and image would be 400 MB
  expect(card.score().measures).toMatchObject({ auc: 1, aucWithin: undefined });
});
