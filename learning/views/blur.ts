/**
 * Gaussian blur with a width of its own for every view, as two products with a band matrix. Pixels beyond the edge count as black,
 * as in SimCLR (SAME padding with zeros).
 * @see google-research/simclr data_util.py gaussian_blur
 */
import { type Tensor, tf } from '../tensorflow.ts';
import type { Planes } from './planes.ts';

/** Radius of the kernel for views of that side: half of size // 10, so 3 taps at 32 px, 9 at 96, 23 at 224. */
export const blurRadius = (size: number): number => Math.floor(Math.floor(size / 10) / 2);

/** exp(−x² / 2σ²) for x = −radius..radius, scaled to sum 1. */
export function blurKernel(sigma: number, radius: number): number[] {
  const weights = Array.from({ length: 2 * radius + 1 }, (_, i) => Math.exp(-((i - radius) ** 2) / (2 * sigma * sigma)));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}

/** Pixels of a block's side at most; measured. */
const BLOCK = 64;

/** Sides of the blocks that a side of that many pixels is blurred in. */
const blockOf = (size: number, most = BLOCK): number => Math.ceil(size / Math.ceil(size / most));

/**
 * Band matrices float32 [B, L, L + 2·radius], one for each σ > 0: from the pixels of a block and `radius` beyond it to the block.
 * @param most  pixels of a block's side at most
 */
export function blurBands(sigmas: number[], size: number, most = BLOCK): Tensor {
  const radius = blurRadius(size);
  const length = blockOf(size, most);
  const width = length + 2 * radius;
  const bands = new Float32Array(sigmas.length * length * width);
  for (const [b, sigma] of sigmas.entries()) {
    const kernel = blurKernel(sigma, radius);
    for (let row = 0; row < length; row++) bands.set(kernel, (b * length + row) * width + row);
  }
  return tf.tensor3d(bands, [sigmas.length, length, width]);
}

/**
 * Every image blurred with its own band matrix, block by block, first down, then across: the matrix of a whole side would be
 * nearly all zeros.
 * @param bands  float32 [B, L, L + 2·radius] of `blurBands`
 */
export function blur(planes: Planes, bands: Tensor): Planes {
  const [b = 0, size = 0] = planes[0].shape;
  const [, length = 0, width = 0] = bands.shape;
  const radius = (width - length) / 2;
  const blocks = Array.from({ length: Math.ceil(size / length) }, (_, k) => {
    const [start, end] = [k * length, Math.min(size, (k + 1) * length)];
    const [from, to] = [Math.max(0, start - radius), Math.min(size, end + radius)];
    return { from, taken: to - from, band: tf.slice(bands, [0, 0, from - start + radius], [b, end - start, to - from]) };
  });
  const wide = tf.concat(planes, 2); // [B, S, 3S]
  const down = blocks.map(({ from, taken, band }) => tf.matMul(band, tf.slice(wide, [0, from, 0], [b, taken, 3 * size])));
  const high = tf.reshape(tf.concat(down, 1), [b, size * 3, size]);
  const across = blocks.map(({ from, taken, band }) => tf.matMul(tf.slice(high, [0, 0, from], [b, size * 3, taken]), band, false, true));
  return tf.unstack(tf.reshape(tf.concat(across, 2), [b, size, 3, size]), 2) as Planes;
}
