/** Views that SimCLR does not have. */
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type HostTensor, readSafetensors } from '../../../learning/safetensors.ts';
import { type Tensor, tf } from '../../../learning/tensorflow.ts';
import { erase, erasedSides } from '../../../learning/views/erasing.ts';
import type { Planes } from '../../../learning/views/planes.ts';
import { rotate, turnOf } from '../../../learning/views/rotation.ts';
import { NEVER, solarize } from '../../../learning/views/solarize.ts';
import { distance, expectNoLeak } from '../tensors.ts';
import { colourfulImages, factors, imagesOf, planesOf } from './planes.ts';

beforeEach(() => tf.engine().startScope());
afterEach(() => tf.engine().endScope());

// torchvision; made by test/golden/make-torchvision.py.
const { tensors } = await readSafetensors(join(import.meta.dirname, '../../golden/torchvision.safetensors'));
const golden = (name: string): Tensor => {
  const { data, shape } = tensors[name] as HostTensor;
  return tf.tensor(Float32Array.from(data), shape);
};
/** The image, as often as it is wanted. */
const copies = (count: number) => planesOf(tf.tile(tf.expandDims(tf.div(golden('image'), 255)), [count, 1, 1, 1]));
const turns = (degrees: ArrayLike<number>, size: number) => tf.tensor2d(Array.from(degrees, (angle) => turnOf(angle, size)));

test('rotate: as torchvision turns, bilinear, wherever the source lies inside', () => {
  const angles = golden('angles').dataSync();
  const inside = golden('inside'); // [4, 24, 24, 1]
  expect(Array.from(tf.mean(inside, [1, 2, 3]).dataSync(), (share) => share > 0.6)).toEqual([true, true, true, true]);
  const turned = imagesOf(rotate(copies(angles.length), turns(angles, 24)));
  expect(distance(tf.mul(turned, inside), tf.mul(golden('turned'), inside))).toBeLessThan(1e-4); // float32 places, up to 24
});

test('rotate: corners are the image mirrored at its edges, never black', () => {
  const image = tf.clipByValue(copies(1)[0], 0.3, 1);
  const planes: Planes = [image, image, image];
  for (const plane of rotate(planes, turns([45], 24))) expect(tf.min(plane).dataSync()[0]).toBeGreaterThanOrEqual(0.3 - 1e-6);
});

test('rotate: by nothing changes no bit, and each image has its own angle', () => {
  const images = colourfulImages(3);
  const turned = imagesOf(rotate(planesOf(images), turns([0, 90, 0], 8)));
  const apart = tf.max(tf.abs(tf.sub(turned, images)), [1, 2, 3]).dataSync();
  expect([apart[0], apart[2]]).toEqual([0, 0]);
  expect(apart[1]).toBeGreaterThan(0.1);
});

test('solarize: as torchvision, and views with no threshold keep every bit', () => {
  const thresholds = Array.from(golden('thresholds').dataSync());
  const solarized = imagesOf(solarize(copies(3), factors(...thresholds, NEVER)));
  const image = tf.expandDims(tf.div(golden('image'), 255));
  expect(distance(solarized, tf.concat([golden('solarized'), image], 0))).toBeLessThan(1e-6);
  expect(distance(tf.slice(solarized, [2, 0, 0, 0], [1, 24, 24, 3]), image)).toBe(0);
});

test('erase: as torchvision, and views without a box keep every bit', () => {
  const [top = 0, left = 0, height = 0, width = 0] = golden('box').dataSync();
  const { erasedRows, erasedColumns } = erasedSides([{ top, left, height, width }, undefined], 24);
  const image = tf.div(golden('image'), 255);
  expect(distance(imagesOf(erase(copies(2), erasedRows, erasedColumns)), tf.stack([golden('erased'), image]))).toBe(0);
});

test.each<[string, (planes: Planes) => Planes]>([
  ['rotate', (planes) => rotate(planes, turns([10, 20], 24))],
  ['solarize', (planes) => solarize(planes, factors(0.5, 0.2))],
  ['erase', (planes) => erase(planes, tf.ones([2, 24, 1]), tf.zeros([2, 1, 24]))],
])('%s: keeps no tensor', (_name, work) => {
  expectNoLeak(() => void work(copies(2)));
});
