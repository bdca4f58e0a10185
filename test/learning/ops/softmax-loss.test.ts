import { expect, test } from 'vitest';
import { meanOf, softmaxLoss, softmaxLossOf } from '../../../learning/ops/softmax-loss.ts';
import { tf } from '../../../learning/tensorflow.ts';
import { distance, expectGradient, expectNoLeak, gradientsOf, noise, valuesOf } from '../tensors.ts';

const labels = tf.tensor1d([2, 0, 1], 'int32');

test('softmaxLoss: even logits cost ln C', () => {
  for (const value of valuesOf(softmaxLoss(tf.zeros([3, 5]), labels))) expect(value).toBeCloseTo(Math.log(5), 6);
});

test('softmaxLoss: logits of a thousand stay finite', () => {
  const losses = valuesOf(
    softmaxLoss(
      tf.tensor2d([
        [1000, 0, -1000],
        [1000, 0, -1000],
        [1000, 0, -1000],
      ]),
      labels,
    ),
  );
  expect(losses).toEqual([2000, 0, 1000]);
});

test('softmaxLoss: value and gradient equal those of −log softmax', () => {
  const logits = noise([3, 4], 1);
  const slow = (at: typeof logits) => tf.neg(tf.sum(tf.mul(tf.logSoftmax(at), tf.oneHot(labels, 4)), 1));
  const fast = (at: typeof logits) => softmaxLoss(at, labels);
  expect(distance(fast(logits), slow(logits))).toBeLessThan(1e-6);
  expect(distance(gradientsOf(fast, [logits])[0]!, gradientsOf(slow, [logits])[0]!)).toBeLessThan(1e-6);
});

test('softmaxLossOf: the gradient agrees with finite differences', () => {
  const answers = tf.softmax(noise([3, 4], 2));
  expectGradient((logits) => softmaxLossOf(logits, answers), [noise([3, 4], 3)]);
});

test('meanOf: value and gradient equal those of tf.mean', () => {
  const rows = noise([7], 4);
  expect(distance(meanOf(rows), tf.mean(rows))).toBeLessThan(1e-6);
  expect(distance(gradientsOf(meanOf, [rows])[0]!, gradientsOf((at) => tf.mean(at), [rows])[0]!)).toBeLessThan(1e-6);
});

test('softmaxLoss: no tensor is left behind', () => {
  const logits = noise([3, 4], 5);
  expectNoLeak(() => void gradientsOf((at) => meanOf(softmaxLoss(at, labels)), [logits]));
});
