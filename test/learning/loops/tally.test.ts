import { expect, test } from 'vitest';
import { Tally } from '../../../learning/loops/tally.ts';

const image = (id: number, label: number, called: number) => ({
  id: `${id}`,
  label,
  pixels: new Uint8Array(3),
  answers: [
    { class: label, probability: 1 },
    { class: called, probability: 0.6 },
  ],
});

function tallied(right: number, wrong: number): Tally {
  const tally = new Tally(2, 3);
  for (let i = 0; i < right; i++) tally.count(image(i, 1, 1), 0.6);
  for (let i = 0; i < wrong; i++) tally.count(image(1000 + i, 2, 0), 0.1);
  return tally;
}

test('Tally: confusion, accuracy and classes of each model', () => {
  const { confusion, accuracy, correct, perClass } = tallied(3, 1).score(1);
  expect(confusion).toEqual([
    [0, 0, 0],
    [0, 3, 0],
    [1, 0, 0],
  ]);
  expect({ accuracy, correct }).toEqual({ accuracy: 0.75, correct: 3 });
  expect(perClass).toEqual([
    { class: 0, correct: 0, images: 0 },
    { class: 1, correct: 3, images: 3 },
    { class: 2, correct: 0, images: 1 },
  ]);
  expect(tallied(3, 1).score(0).accuracy).toBe(1);
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

test('Tally: the loss is the mean of −ln of what the last model gave the truth', () => {
  const tally = tallied(1, 1);
  expect(tally.loss).toBeCloseTo(-Math.log(0.6) - Math.log(0.1), 9);
});
