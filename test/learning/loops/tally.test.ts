import { expect, test } from 'vitest';
import { Tally } from '../../../learning/loops/tally.ts';

const image = (id: number, label: number) => ({ id: `${id}`, label, pixels: Uint8Array.of(id % 256, 1, 2) });
/** Probabilities of three classes: `sure` of one, the others share the rest. */
const answer = (called: number, sure: number) => Float32Array.from({ length: 3 }, (_, c) => (c === called ? sure : (1 - sure) / 2));

/** A baseline that is always right, and a student. */
function tallied(right: number, wrong: number): Tally {
  const tally = new Tally(['baseline', 'student'], 3, right + wrong);
  for (let i = 0; i < right; i++) tally.count(image(i, 1), [answer(1, 1), answer(1, 0.6)]);
  for (let i = 0; i < wrong; i++) tally.count(image(1000 + i, 2), [answer(2, 1), answer(0, 0.8)]);
  return tally;
}

test('Tally: confusion, accuracy and classes of each model', () => {
  const { student, baseline } = tallied(3, 1).scores(0);
  expect(student!.confusion).toEqual([
    [0, 0, 0],
    [0, 3, 0],
    [1, 0, 0],
  ]);
  expect(student).toMatchObject({ accuracy: 0.75, correct: 3, images: 4 });
  expect(student!.perClass).toMatchObject([
    { class: 0, correct: 0, images: 0 },
    { class: 1, correct: 3, images: 3 },
    { class: 2, correct: 0, images: 1 },
  ]);
  expect(baseline!.accuracy).toBe(1);
});

test('Tally: the balanced accuracy of each model has an interval around it', () => {
  const { student, baseline } = tallied(300, 100).scores(0);
  expect(baseline!.measures.balancedInterval).toEqual([1, 1]);
  expect([student!.measures.balancedAccuracy, student!.measures.balancedInterval]).toEqual([0.5, [0.5, 0.5]]); // all of one class, none of the other
});

test('Tally: models are compared with the baseline, image by image', () => {
  const { student, baseline } = tallied(300, 100).scores(0);
  expect(baseline!.measures.interval).toEqual([1, 1]);
  expect(baseline!.measures.gain).toBeUndefined();
  const { interval, gain } = student!.measures;
  expect(gain!.accuracy).toBe(-0.25);
  // The baseline is right throughout, so the difference varies as the student does.
  expect(gain!.interval).toEqual([expect.closeTo(interval[0] - 1, 12), expect.closeTo(interval[1] - 1, 12)]);
  expect(new Tally(['one'], 2, 0).scores(0).one!.measures.gain).toBeUndefined();
});

test('Tally: kappa when the classes are grades', () => {
  expect(tallied(3, 1).scores(0).student!.measures.kappa).toBeUndefined();
  expect(tallied(3, 1).scores(0, { graded: true }).baseline!.measures.kappa).toBe(1);
});

test.each([
  [100, 100, 12, 12],
  [100, 3, 21, 3],
  [5, 100, 5, 19],
  [4, 2, 4, 2],
  [0, 50, 0, 24],
])('Tally: of %i right and %i wrong answers, %i and %i become examples', (right, wrong, keptRight, keptWrong) => {
  const examples = tallied(right, wrong).examples();
  expect(examples.filter(({ label }) => label === 1)).toHaveLength(keptRight);
  expect(examples.filter(({ label }) => label === 2)).toHaveLength(keptWrong);
});

test('Tally: an example keeps its own pixels and what each model says', () => {
  const batch = Uint8Array.of(7, 8, 9, 10, 11, 12);
  const tally = new Tally(['baseline', 'student'], 3, 1);
  tally.count({ id: 'a', label: 0, pixels: batch.subarray(3) }, [answer(2, 0.5), answer(1, 0.75)]);
  batch.fill(0);
  expect(tally.examples()).toEqual([
    {
      id: 'a',
      label: 0,
      pixels: Uint8Array.of(10, 11, 12),
      answers: [
        { class: 2, probability: 0.5 },
        { class: 1, probability: 0.75 },
      ],
    },
  ]);
});

test('Tally: the loss is the mean of −ln of what the last model gave the truth', () => {
  expect(tallied(1, 1).loss).toBeCloseTo(-(Math.log(0.6) + Math.log(0.1)) / 2, 6);
});
