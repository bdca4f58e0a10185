import { afterEach, beforeEach, expect, test } from 'vitest';
import { tf } from '../../../learning/tensorflow.ts';
import { centreBox, centreCrop } from '../../../learning/views/centre-crop.ts';
import { drawViews } from '../../../learning/views/draw.ts';
import { renderViews } from '../../../learning/views/render.ts';
import { distance, expectNoLeak, noise } from '../tensors.ts';

beforeEach(() => tf.engine().startScope());
afterEach(() => tf.engine().endScope());

// data_util.py: the side is rint(0.875 · size), its offset (size − side + 1) // 2.
test.each([
  [256, 224, 16],
  [375, 328, 24],
  [32, 28, 2],
  [44, 38, 3], // 38.5: to the even number
  [36, 32, 2], // 31.5
])('centreBox: 0.875 of %i px are %i, from %i on', (size, side, start) => {
  expect(centreBox(size, 0.875)).toEqual({ top: start, left: start, height: side, width: side });
});

test('centreBox: the whole image, and never less than a pixel', () => {
  expect(centreBox(32, 1)).toEqual({ top: 0, left: 0, height: 32, width: 32 });
  expect(centreBox(8, 0.01)).toMatchObject({ height: 1, width: 1 });
});

test.each([
  [24, 0.875],
  [80, 0.5],
])('centreCrop: of images of %i px, %f of the side, as a view with that crop', (size, proportion) => {
  const n = 3;
  const data = Uint8Array.from(noise([n * size * size * 3], 5).dataSync(), (value) => 128 + 100 * Math.sin(3 * value));
  const images = { dtype: 'uint8' as const, shape: [n, size, size, 3], data };
  const parameters = drawViews({ kind: 'finetune', jitter: 0, minArea: 1, blur: false, flip: 0 }, 1, 0, ['a', 'b', 'c'], 1, size);
  parameters.boxes.fill(centreBox(size, proportion));
  const views = tf.tensor(Float32Array.from(renderViews(images, parameters).data), images.shape);
  const pixels = tf.tensor(Float32Array.from(data), images.shape);
  expect(distance(centreCrop(pixels, proportion, 255), views)).toBeLessThan(0.5 + 0.01); // the views are rounded
  expect(distance(centreCrop(tf.div(pixels, 255), proportion, 1), tf.div(views, 255))).toBeLessThan(0.51 / 255);
});

test('centreCrop: a proportion of 1 is the image itself', () => {
  const images = noise([2, 8, 8, 3], 1);
  expect(centreCrop(images, 1, 1)).toBe(images);
});

test('centreCrop: keeps no tensor', () => {
  expectNoLeak(() => void centreCrop(tf.ones([2, 8, 8, 3]), 0.5, 1));
});
