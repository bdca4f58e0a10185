import { expect, test } from 'vitest';
import type { Pass } from '../../../learning/networks/layers.ts';
import { initialState, type State } from '../../../learning/networks/parameters.ts';
import { selectiveKernel } from '../../../learning/networks/selective-kernel.ts';
import { batchNormStored } from '../../../learning/ops/batch-norm.ts';
import { convolution } from '../../../learning/ops/convolution.ts';
import { type Tensor, tf } from '../../../learning/tensorflow.ts';
import { distance, expectNoLeak, gradientsOf, noise } from '../tensors.ts';

const CHANNELS = 3;
const layer = selectiveKernel('block', CHANNELS, 2);
const inference = (): Pass => ({ training: false, isFrozen: () => false, statistics: {} });
const kernels = { 'block/conv2/kernel': noise([3, 3, CHANNELS, 6], 1), 'block/mixing/dense2/kernel': noise([32, 6], 2) };
const state: State = { ...initialState(layer.parameters, 1), ...kernels };
const x = noise([2, 5, 5, CHANNELS], 3);

/** ReLU(norm(conv)) of both branches, one after the other: [B, H, W, 2F]. */
function branches(values: State, at: Tensor): Tensor {
  const of = (name: string) => values[`block/norm2/${name}`]!;
  const convolved = convolution(at, values['block/conv2/kernel']!, 2);
  return tf.relu(batchNormStored(convolved, of('gamma'), of('beta'), of('mean'), of('variance')));
}

/** `SK_Conv2D` of tf2/resnet.py, line by line; its 1×1 convolutions of one cell are products. */
function slow(values: State, at: Tensor): Tensor {
  const inputs = tf.stack(tf.split(branches(values, at), 2, 3)); // [2, B, H, W, F]
  const pooled = tf.mean(tf.sum(inputs, 0), [1, 2]); // [B, F]
  const of = (name: string) => values[`block/mixing/${name}`]!;
  const map = tf.reshape(tf.matMul(pooled, of('dense1/kernel')), [2, 1, 1, 32]);
  const normed = batchNormStored(map, of('norm/gamma'), of('norm/beta'), of('norm/mean'), of('norm/variance'));
  const mixing = tf.matMul(tf.reshape(tf.relu(normed), [2, 32]), of('dense2/kernel'));
  const powers = tf.exp(tf.stack(tf.split(mixing, 2, 1))); // [2, B, F]
  const shares = tf.reshape(tf.div(powers, tf.sum(powers, 0, true)), [2, 2, 1, 1, CHANNELS]);
  return tf.sum(tf.mul(inputs, shares), 0);
}

test('selectiveKernel: value and gradients are those of SimCLR’s formula', () => {
  const names = Object.keys(state).filter((name) => !/mean|variance/.test(name));
  const inputs = [x, ...names.map((name) => state[name]!)];
  const withWeights =
    (f: (values: State, at: Tensor) => Tensor) =>
    (at: Tensor, ...weights: Tensor[]) =>
      f({ ...state, ...Object.fromEntries(names.map((name, i) => [name, weights[i]!])) }, at);
  const ours = withWeights((values, at) => layer.apply(values, at, inference()));
  expect(ours(...(inputs as [Tensor])).shape).toEqual([2, 3, 3, CHANNELS]);
  expect(distance(ours(...(inputs as [Tensor])), withWeights(slow)(...(inputs as [Tensor])))).toBeLessThan(1e-5);
  const [a, b] = [ours, withWeights(slow)].map((f) => gradientsOf(f as (...at: Tensor[]) => Tensor, inputs));
  for (const i of inputs.keys()) expect(distance(a![i]!, b![i]!), names[i - 1] ?? 'x').toBeLessThan(1e-4);
});

test('selectiveKernel: zero mixing weights give the plain average of the branches', () => {
  const values = { ...state, 'block/mixing/dense2/kernel': tf.zeros([32, 6]) };
  const [u, v] = tf.split(branches(values, x), 2, 3);
  expect(distance(layer.apply(values, x, inference()), tf.div(tf.add(u!, v!), 2))).toBeLessThan(1e-6);
});

test('selectiveKernel: the mixing layer is a sixteenth as wide as the block, and 32 at least', () => {
  const width = (channels: number) =>
    selectiveKernel('block', channels, 1).parameters.find(({ name }) => name === 'block/mixing/dense1/kernel')?.shape[1];
  expect([64, 512, 1024].map(width)).toEqual([32, 32, 64]);
});

test('selectiveKernel: no tensor is left behind', () => {
  expectNoLeak(() => void gradientsOf((at) => layer.apply(state, at, inference()), [x]));
});
