import { expect, test } from 'vitest';
import { togetherAt } from '../../../learning/losses/distillation.ts';
import { tf } from '../../../learning/tensorflow.ts';
import { expectNoLeak, noise, valuesOf } from '../tensors.ts';

test('togetherAt: two teachers answer with the mean of their answers', () => {
  // softmax([ln 3, 0]) = [3/4, 1/4], softmax([0, 0]) = [1/2, 1/2]; their mean is [5/8, 3/8].
  const together = togetherAt(1, [tf.tensor2d([[Math.log(3), 0]]), tf.tensor2d([[0, 0]])]);
  const [first = 0, second = 0] = valuesOf(tf.softmax(together));
  expect(first).toBeCloseTo(5 / 8, 6);
  expect(second).toBeCloseTo(3 / 8, 6);
});

test('togetherAt: the mean is taken at the temperature', () => {
  // At T 2: softmax([2 ln 3, 0] / 2) = [3/4, 1/4].
  const together = togetherAt(2, [tf.tensor2d([[2 * Math.log(3), 0]]), tf.tensor2d([[0, 0]])]);
  expect(valuesOf(tf.softmax(tf.div(together, 2)))[0]).toBeCloseTo(5 / 8, 6);
  expect(valuesOf(tf.softmax(together))[0]).toBeCloseTo(25 / 34, 6); // (5/3)² to 1
});

test('togetherAt: one teacher speaks for himself, and certain ones give no NaN', () => {
  const only = noise([2, 3], 1);
  expect(togetherAt(0.1, [only])).toBe(only);
  const certain = [0, 1].map(() => tf.tensor2d([[1000, 0, 0]]));
  expect(valuesOf(tf.softmax(togetherAt(1, certain)))).toEqual([1, expect.closeTo(0, 20), expect.closeTo(0, 20)]);
});

test('togetherAt: leaves no tensor behind', () => expectNoLeak(() => void togetherAt(2, [noise([4, 3], 1), noise([4, 3], 2)])));
