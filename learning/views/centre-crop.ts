/**
 * What a model is shown of an image that it judges: the middle of it, at the full side, bicubic.
 * @see google-research/simclr data_util.py center_crop; its proportion is 0.875, and it leaves images up to 32 px whole
 */
import { type Tensor, tf } from '../tensorflow.ts';
import { cropMatrix } from './crop.ts';
import type { Box } from './crop-box.ts';

/** @param size  side of the image, pixels @param proportion  of the side, (0, 1] */
export function centreBox(size: number, proportion: number): Box {
  const exact = proportion * size;
  const isHalf = exact % 1 === 0.5;
  const side = Math.max(1, isHalf ? 2 * Math.round(exact / 2) : Math.round(exact)); // halves to the even number, as rint does
  const start = Math.floor((size - side + 1) / 2);
  return { top: start, left: start, height: side, width: side };
}

/**
 * @param images      float32 [B, S, S, 3], 0 to `white`
 * @param proportion  of the side, (0, 1]; 1 is the whole image, and gives back the very tensor
 * @returns           the same shape and range
 */
export function centreCrop(images: Tensor, proportion: number, white: number): Tensor {
  if (proportion === 1) return images;
  const [b = 0, size = 0] = images.shape;
  const { top, height } = centreBox(size, proportion);
  const matrix = tf.tensor2d(cropMatrix(size, top, height), [size, size]);
  // The side that changes comes first: one product for the whole batch.
  const resized = (first: Tensor) => tf.reshape(tf.matMul(matrix, tf.reshape(first, [size, b * size * 3])), [size, b, size, 3]);
  const high = resized(tf.transpose(images, [1, 0, 2, 3])); // [S, B, S, 3]: rows, images, columns
  const wide = resized(tf.transpose(high, [2, 1, 0, 3])); // columns, images, rows
  return tf.clipByValue(tf.transpose(wide, [1, 2, 0, 3]), 0, white);
}
