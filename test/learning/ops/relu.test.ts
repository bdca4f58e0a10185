import { expect, test } from 'vitest';
import { relu } from '../../../learning/ops/relu.ts';
import { tf } from '../../../learning/tensorflow.ts';
import { distance, expectNoLeak, gradientsOf, noise, valuesOf } from '../tensors.ts';

test('relu: negatives become 0, the rest stays', () => {
  expect(valuesOf(relu(tf.tensor1d([-2, -0.5, 0, 3])))).toEqual([0, 0, 0, 3]);
});

test('relu: the gradient equals that of tf.relu', () => {
  const x = noise([4, 5, 6], 1);
  expect(distance(gradientsOf(relu, [x])[0]!, gradientsOf((at) => tf.relu(at), [x])[0]!)).toBe(0);
});

test('relu: one tensor used twice gets both gradients, though each is freed once taken', () => {
  const x = noise([10], 2);
  const twice = (f: typeof relu) => gradientsOf((at) => tf.add(f(f(at)), tf.mul(f(at), f(at))), [x])[0]!;
  expect(
    distance(
      twice(relu),
      twice((at) => tf.relu(at)),
    ),
  ).toBeLessThan(1e-6);
});

test('relu: no tensor is left behind', () => {
  const x = noise([3, 3], 3);
  expectNoLeak(() => void gradientsOf(relu, [x]));
});
