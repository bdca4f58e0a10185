import { describe, expect, test } from 'vitest';
import { batchNormStored, batchNormTraining, EPSILON } from '../../../learning/ops/batch-norm.ts';
import { type Tensor, tf } from '../../../learning/tensorflow.ts';
import { distance, expectGradient, expectNoLeak, gradientsOf, noise, valuesOf } from '../tensors.ts';

const column = (values: number[]) => tf.tensor4d(values, [values.length, 1, 1, 1]);
const one = tf.tensor1d([1]);
const zero = tf.tensor1d([0]);

/** The formula in plain ops, which tfjs differentiates itself. */
function slow(x: Tensor, gamma: Tensor, beta: Tensor): Tensor {
  const { mean, variance } = tf.moments(x, [0, 1, 2]);
  return tf.add(tf.mul(tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, EPSILON))), gamma), beta);
}

describe('batchNormTraining', () => {
  test('batchNormTraining: 1, 2, 3, 4 have mean 2.5, biased variance 1.25 and become ±1.341635, ±0.447212', () => {
    const { y, mean, variance } = batchNormTraining(column([1, 2, 3, 4]), one, zero); // method.md §5
    expect(valuesOf(mean)[0]).toBeCloseTo(2.5, 6);
    expect(valuesOf(variance)[0]).toBeCloseTo(1.25, 6);
    const wanted = [-1.341635, -0.447212, 0.447212, 1.341635];
    for (const [i, value] of valuesOf(y).entries()) expect(value).toBeCloseTo(wanted[i]!, 5);
  });

  test('batchNormTraining: value and gradients equal those of the formula tfjs differentiates itself', () => {
    const [x, gamma, beta] = [noise([8, 5, 5, 6], 1), noise([6], 2), noise([6], 3)];
    const fast = (at: Tensor, g: Tensor, b: Tensor) => batchNormTraining(at, g, b).y;
    expect(distance(fast(x, gamma, beta), slow(x, gamma, beta))).toBeLessThan(1e-5);
    const [ours, theirs] = [gradientsOf(fast, [x, gamma, beta]), gradientsOf(slow, [x, gamma, beta])];
    for (const i of [0, 1, 2]) expect(distance(ours[i]!, theirs[i]!)).toBeLessThan(1e-4);
  });

  test('batchNormTraining: the gradients agree with finite differences', () => {
    expectGradient((x, g, b) => batchNormTraining(x, g, b).y, [noise([6, 3, 3, 2], 5), noise([2], 6), noise([2], 7)]);
  });

  test('batchNormTraining: no tensor is left behind', () => {
    expectNoLeak(() => void gradientsOf((x, g, b) => batchNormTraining(x, g, b).y, [column([1, 2, 3, 4]), one, zero]));
  });
});

describe('batchNormStored', () => {
  test('batchNormStored: goes by the given statistics', () => {
    const y = batchNormStored(column([1, 5]), tf.tensor1d([3]), tf.tensor1d([7]), tf.tensor1d([1]), tf.tensor1d([4 - EPSILON]));
    expect(valuesOf(y)[0]).toBeCloseTo(7, 5); // (1 − 1)/2·3 + 7
    expect(valuesOf(y)[1]).toBeCloseTo(13, 5); // (5 − 1)/2·3 + 7
  });

  test('batchNormStored: the gradients agree with finite differences', () => {
    const [mean, variance] = [noise([2], 8), tf.tensor1d([0.5, 2])];
    expectGradient((x, g, b) => batchNormStored(x, g, b, mean, variance), [noise([3, 2, 2, 2], 9), noise([2], 10), noise([2], 11)]);
  });
});
