import { describe, expect, test } from 'vitest';
import type { State } from '../../../learning/networks/parameters.ts';
import { binding } from '../../../learning/ops/native.ts';
import { fitProbe, type ProbeWanted } from '../../../learning/probes/linear.ts';
import { type Tensor, tf } from '../../../learning/tensorflow.ts';
import { noise, valuesOf } from '../tensors.ts';

const [IMAGES, WIDTH, CLASSES] = [60, 8, 3];
const labels = tf.tensor1d(
  Array.from({ length: IMAGES }, (_, i) => i % CLASSES),
  'int32',
);
/** Noise, with the class in one of the features each. */
const features = tf.add(
  noise([IMAGES, WIDTH], 3),
  tf.mul(
    tf.pad(tf.oneHot(labels, CLASSES), [
      [0, 0],
      [0, WIDTH - CLASSES],
    ]),
    2,
  ),
);

const learn = (more: Partial<ProbeWanted> = {}) =>
  fitProbe({ features, labels, classes: CLASSES, seed: 1, execution: 'float32', goOn: () => true, ...more });
const logitsOf = (state: State, x: Tensor) => tf.add(tf.matMul(x, state['classifier/dense/kernel']!), state['classifier/dense/bias']!);
const accuracy = (state: State, x: Tensor) =>
  valuesOf(tf.argMax(logitsOf(state, x), 1)).filter((called, i) => called === i % CLASSES).length / IMAGES;

describe('fitProbe', () => {
  test('fitProbe: learns what a linear layer can tell apart', async () => {
    expect(accuracy(await learn(), features)).toBeGreaterThan(0.9);
  });

  test('fitProbe: features of another length and place give the same answers', async () => {
    const moved = tf.add(tf.mul(features, 50), 20);
    const [a, b] = [logitsOf(await learn(), features), logitsOf(await learn({ features: moved }), moved)];
    const [ours, theirs] = [valuesOf(a), valuesOf(b)];
    expect(Math.max(...ours.map((value, i) => Math.abs(value - theirs[i]!)))).toBeLessThan(0.01);
  });

  test('fitProbe: at the optimum of logistic regression, residuals are orthogonal to the features', async () => {
    // Labels that the features do not separate, so that there is an optimum to come to: gradient Xᵀ(p − y) / N = 0.
    const shuffled = tf.tensor1d(
      Array.from({ length: IMAGES }, (_, i) => (i * 7 + Math.floor(i / 5)) % CLASSES),
      'int32',
    );
    const state = await learn({ labels: shuffled });
    const residuals = tf.sub(tf.softmax(logitsOf(state, features)), tf.oneHot(shuffled, CLASSES));
    const gradient = tf.div(tf.matMul(features, residuals as ReturnType<typeof tf.tensor2d>, true), IMAGES);
    expect(Math.max(...valuesOf(tf.abs(gradient)))).toBeLessThan(0.01);
  });

  test('fitProbe: the same seed gives the same bits, in whatever way it runs the same to 1e-4, and no tensor stays', async () => {
    const before = [tf.memory().numTensors, binding().getNumOfTensors()];
    const [a, b, eager] = [await learn(), await learn(), await learn({ execution: 'eager' })];
    const [kernel, again, op] = [a, b, eager].map((state) => valuesOf(state['classifier/dense/kernel']!)) as [number[], number[], number[]];
    expect(again).toEqual(kernel);
    expect(Math.max(...op.map((value, i) => Math.abs(value - kernel[i]!)))).toBeLessThan(1e-4);
    tf.dispose([a, b, eager]);
    expect([tf.memory().numTensors, binding().getNumOfTensors()]).toEqual(before);
  });
});
