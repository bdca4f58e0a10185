/** Losses of labels against PyTorch's: test/golden/make-losses.py made the numbers. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { balancedWeights, crossEntropy } from '../../../learning/losses/cross-entropy.ts';
import { supervisedContrastive } from '../../../learning/losses/supervised-contrastive.ts';
import { type Tensor, tf } from '../../../learning/tensorflow.ts';
import { expectGradient, expectNoLeak, noise, scalarOf, valuesOf } from '../tensors.ts';

type Case = { value: number; gradient: number[] };
type Golden = {
  labels: number[];
  logits: number[][];
  embeddings: number[][];
  counts: number[];
  balanced: number[];
  contrastive: Record<string, Case>;
  smoothed: Record<string, Case>;
  weighted: Case;
};
const golden: Golden = JSON.parse(readFileSync(new URL('../../golden/losses.json', import.meta.url), 'utf8'));
const labels = tf.tensor1d(golden.labels, 'int32');
const [logits, embeddings] = [tf.tensor2d(golden.logits), tf.tensor2d(golden.embeddings)];

/** Value and gradient at x are those of the case, to 1e-5. */
function expectCase(loss: (x: Tensor) => Tensor, x: Tensor, { value, gradient }: Case): void {
  expect(scalarOf(loss(x))).toBeCloseTo(value, 5);
  const found = valuesOf(tf.grad(loss)(x));
  for (const [i, wanted] of gradient.entries()) expect(found[i]).toBeCloseTo(wanted, 5);
}

describe('supervisedContrastive', () => {
  test.each(['0.1', '0.5'])('supervisedContrastive: value and gradient at T = %s are those of PyTorch', (temperature) => {
    expectCase((z) => supervisedContrastive(z, labels, Number(temperature)), embeddings, golden.contrastive[temperature]!);
  });

  test('supervisedContrastive: equal embeddings cost ln(B − 1), at any temperature and however the classes lie', () => {
    for (const classes of [
      [0, 0, 0, 0],
      [0, 1, 0, 1],
    ]) {
      const loss = supervisedContrastive(tf.ones([4, 3]), tf.tensor1d(classes, 'int32'), 0.2);
      expect(scalarOf(loss)).toBeCloseTo(Math.log(3), 5);
    }
  });

  test('supervisedContrastive: classes on axes of their own, two images each, cost ln(1 + (B − 2)e^(−1/T))', () => {
    const axes = tf.tensor2d([0, 1, 2, 0, 1, 2].map((label) => [0, 1, 2].map((axis) => (axis === label ? 1 : 0))));
    const loss = supervisedContrastive(axes, tf.tensor1d([0, 1, 2, 0, 1, 2], 'int32'), 0.5);
    expect(scalarOf(loss)).toBeCloseTo(Math.log(1 + 4 * Math.exp(-2)), 5);
  });

  test('supervisedContrastive: an image alone in its class counts as a negative only, and without any pair all is 0', () => {
    const alone = tf.tensor1d([0, 1, 2], 'int32');
    const gradient = tf.grad((z: Tensor) => supervisedContrastive(z, alone, 0.1))(noise([3, 4], 1));
    expect(scalarOf(supervisedContrastive(noise([3, 4], 1), alone, 0.1))).toBe(0);
    expect(valuesOf(gradient).every((value) => Math.abs(value) === 0)).toBe(true);
  });

  test('supervisedContrastive: the gradient agrees with finite differences, and no tensor is left behind', () => {
    const classes = tf.tensor1d([0, 1, 0, 1, 1], 'int32');
    expectGradient((z) => supervisedContrastive(z, classes, 0.5), [noise([5, 3], 2)]);
    const z = noise([5, 3], 3);
    expectNoLeak(() => void tf.grad((at: Tensor) => supervisedContrastive(at, classes, 0.5))(z));
  });
});

describe('crossEntropy', () => {
  test.each(['0.1', '0.4'])('crossEntropy: smoothed by %s, value and gradient are those of PyTorch', (smoothing) => {
    expectCase((x) => crossEntropy(x, labels, { smoothing: Number(smoothing) }), logits, golden.smoothed[smoothing]!);
  });

  test('crossEntropy: smoothed, even logits still cost ln C, and a sure answer is no longer the best', () => {
    const right = tf.tensor1d([0], 'int32');
    expect(scalarOf(crossEntropy(tf.zeros([1, 4]), right, { smoothing: 0.2 }))).toBeCloseTo(Math.log(4), 5);
    // −(0.85·ln p + 0.15·ln q), best at p = 0.85
    const at = (p: number) =>
      scalarOf(crossEntropy(tf.tensor2d([[Math.log(p), ...[1, 2, 3].map(() => Math.log((1 - p) / 3))]]), right, { smoothing: 0.2 }));
    expect(at(0.85)).toBeLessThan(at(0.99));
  });

  test('crossEntropy: weighted by class, value and gradient are those of PyTorch', () => {
    expectCase((x) => crossEntropy(x, labels, { classWeights: golden.balanced }), logits, golden.weighted);
  });

  test('balancedWeights: are n / (C·n_c), their mean over the images is 1, and a class without images has none', () => {
    expect(balancedWeights(golden.counts)).toEqual(golden.balanced.map((weight) => expect.closeTo(weight, 10)));
    expect(balancedWeights([6, 0, 2])).toEqual([8 / 12, 0, 2]);
  });
});
