import { afterEach, beforeEach, expect, test } from 'vitest';
import { nativeValue } from '../../../learning/ops/native.ts';
import { type Tensor, tf } from '../../../learning/tensorflow.ts';
import { brightness, contrast, grayscale, hue, OPERATIONS, operationOrder, saturation } from '../../../learning/views/colour.ts';
import { distance, expectNoLeak, valuesOf } from '../tensors.ts';
import { colourfulImages, factors, imagesOf, planesOf } from './planes.ts';

beforeEach(() => tf.engine().startScope());
afterEach(() => tf.engine().endScope());

const SCALES = [0, 0.2, 0.6, 1, 1.4, 1.8];
const TURNS = [-0.4, -0.2, -0.05, 0, 0.1, 0.4];
const images = () => colourfulImages(6);

/** TensorFlow's own kernel, one image and one factor at a time: the slow oracle. */
function oracle(op: string, values: number[]): Tensor {
  const one = (value: number, i: number) => {
    const image = tf.slice(images(), [i, 0, 0, 0], [1, 8, 8, 3]);
    return tf.clipByValue(nativeValue(op, { types: { T: 'float' } }, [image, tf.scalar(value)]), 0, 1);
  };
  return tf.concat(values.map(one), 0);
}

test('brightness: x · factor, clipped', () => {
  const image = tf.tensor4d([0.1, 0.5, 0.8], [1, 1, 1, 3]);
  const values = valuesOf(imagesOf(brightness(planesOf(image), factors(1.5))));
  for (const [channel, expected] of [0.15, 0.75, 1].entries()) expect(values[channel]).toBeCloseTo(expected, 6);
});

test('contrast: as TensorFlow, about the mean of each channel', () => {
  expect(distance(imagesOf(contrast(planesOf(images()), factors(...SCALES))), oracle('AdjustContrastv2', SCALES))).toBeLessThan(1e-6);
});

test('contrast: worked by hand', () => {
  // A channel of 0.2 and 0.6 has the mean 0.4; at factor 0.5 both come half way.
  const image = tf.tensor4d([0.2, 0.2, 0.2, 0.6, 0.6, 0.6], [1, 1, 2, 3]);
  const values = valuesOf(imagesOf(contrast(planesOf(image), factors(0.5))));
  for (const [i, expected] of [0.3, 0.3, 0.3, 0.5, 0.5, 0.5].entries()) expect(values[i]).toBeCloseTo(expected, 6);
});

test('saturation: as TensorFlow, also for black, white, gray and pure colours', () => {
  expect(distance(imagesOf(saturation(planesOf(images()), factors(...SCALES))), oracle('AdjustSaturation', SCALES))).toBeLessThan(1e-5);
});

test('hue: as TensorFlow, turning either way', () => {
  expect(distance(imagesOf(hue(planesOf(images()), factors(...TURNS))), oracle('AdjustHue', TURNS))).toBeLessThan(1e-5);
});

test('hue: a third of a turn takes red to green to blue to red', () => {
  const primaries = tf.tensor4d([1, 0, 0, 0, 1, 0, 0, 0, 1], [1, 1, 3, 3]);
  const values = valuesOf(imagesOf(hue(planesOf(primaries), factors(1 / 3))));
  for (const [i, expected] of [0, 1, 0, 0, 0, 1, 1, 0, 0].entries()) expect(values[i]).toBeCloseTo(expected, 5);
});

test('grayscale: the luminance of ITU-R 601 in all channels, and only where it is asked for', () => {
  const image = tf.tensor4d([1, 0, 0, 0, 1, 0, 0, 0, 1], [1, 1, 3, 3]);
  const values = valuesOf(imagesOf(grayscale(planesOf(tf.concat([image, image], 0)), factors(1, 0))));
  const expected = [0.2989, 0.2989, 0.2989, 0.587, 0.587, 0.587, 0.114, 0.114, 0.114, 1, 0, 0, 0, 1, 0, 0, 0, 1];
  for (const [i, value] of expected.entries()) expect(values[i]).toBeCloseTo(value, 6);
});

test.each(['brightness', 'contrast', 'saturation', 'hue'] as const)('%s: leaves an image alone at its neutral factor', (name) => {
  const neutral = factors(...Array<number>(6).fill(name === 'hue' ? 0 : 1));
  expect(distance(imagesOf(OPERATIONS[name](planesOf(images()), neutral)), images())).toBeLessThan(1e-6);
});

test.each(['brightness', 'contrast', 'saturation', 'hue'] as const)('%s: keeps no tensor', (name) => {
  expectNoLeak(() => void OPERATIONS[name](planesOf(images()), factors(...SCALES)));
});

test('operationOrder: 24 different orders of the four operations', () => {
  const orders = Array.from({ length: 24 }, (_, index) => operationOrder(index));
  expect(new Set(orders.map(String)).size).toBe(24);
  for (const order of orders) expect([...order].sort()).toEqual(['brightness', 'contrast', 'hue', 'saturation']);
});
