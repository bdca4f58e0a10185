import { afterEach, beforeEach, expect, test } from 'vitest';
import { tf } from '../../../learning/tensorflow.ts';
import { blur, blurBands, blurKernel, blurRadius } from '../../../learning/views/blur.ts';
import { distance } from '../tensors.ts';
import { colourfulImages, imagesOf, planesOf } from './planes.ts';

beforeEach(() => tf.engine().startScope());
afterEach(() => tf.engine().endScope());

test('blurKernel: three taps at σ = 1', () => {
  // exp(−1/2) = 0.606531; 1 / (1 + 2 · 0.606531) = 0.451863
  for (const [i, weight] of [0.274069, 0.451863, 0.274069].entries()) expect(blurKernel(1, 1)[i]).toBeCloseTo(weight, 6);
});

test.each([
  [32, 3],
  [64, 7],
  [96, 9],
  [224, 23],
])('blurRadius: at %i px the kernel has %i taps', (size, taps) => {
  expect(2 * blurRadius(size) + 1).toBe(taps);
});

test.each([32, 16, 15, 2])(
  'blur: each image with its own σ, as a convolution with the kernel, black beyond the edge, in blocks of %i',
  (most) => {
    const sigmas = [0.1, 0.7, 2];
    const images = tf.image.resizeNearestNeighbor(colourfulImages(3) as ReturnType<typeof tf.tensor4d>, [32, 32]);
    const blurred = imagesOf(blur(planesOf(images), blurBands(sigmas, 32, most)));
    for (const [i, sigma] of sigmas.entries()) {
      const kernel = tf.tensor1d(blurKernel(sigma, blurRadius(32)));
      const filter = tf.tile(tf.reshape(tf.outerProduct(kernel, kernel), [3, 3, 1, 1]), [1, 1, 3, 1]) as ReturnType<typeof tf.tensor4d>;
      const image = tf.slice(images, [i, 0, 0, 0], [1, 32, 32, 3]);
      const expected = tf.depthwiseConv2d(image, filter, 1, 'same');
      expect(distance(tf.slice(blurred, [i, 0, 0, 0], [1, 32, 32, 3]), expected)).toBeLessThan(1e-6);
    }
  },
);
