import { expect, test } from 'vitest';
import { Calibration } from '../../../learning/measures/calibration.ts';

test('Calibration: the error is the gap between confidence and accuracy, bin by bin, weighted by images', () => {
  const calibration = new Calibration();
  for (const isRight of [true, true, true, false]) calibration.count(0.95, isRight); // gap 0.20
  for (const isRight of [true, false]) calibration.count(0.55, isRight); // gap 0.05
  expect(calibration.error()).toBeCloseTo((4 * 0.2 + 2 * 0.05) / 6, 12);
  expect(calibration.confidence()).toBeCloseTo((4 * 0.95 + 2 * 0.55) / 6, 12);
});

test('Calibration: gaps of opposite sign cancel inside a bin and nowhere else', () => {
  const [inside, across] = [new Calibration(), new Calibration()];
  inside.count(0.99, true);
  inside.count(0.96, false);
  across.count(0.99, true);
  across.count(0.5, false);
  expect(inside.error()).toBeCloseTo(0.475, 12); // |1 − 1.95| / 2
  expect(across.error()).toBeCloseTo((0.01 + 0.5) / 2, 12);
});

test('Calibration: a bin has its upper end and not its lower', () => {
  const calibration = new Calibration();
  calibration.count(1, true);
  calibration.count(14 / 15, false); // the bin below the last
  expect(calibration.error()).toBeCloseTo(14 / 15 / 2, 12);
  calibration.count(0, false); // no bin is below the first
  expect(calibration.error()).toBeCloseTo(14 / 15 / 3, 12);
});
