/**
 * Crop, flip and resize of a batch as two matrix products: every row of a matrix holds the weights with which one pixel of the
 * view takes its source pixels. Bicubic exactly as Pillow's `crop(box).resize(size, BICUBIC)` (Resample.c). A crop is never larger
 * than the view, so antialiasing has nothing to do.
 * Letters: B views · S side of the view · H, W sides of the image.
 */
import { type Tensor, tf } from '../tensorflow.ts';
import type { Box } from './crop-box.ts';
import { clip, type Planes } from './planes.ts';

/** Keys' cubic with a = −1/2. */
function cubic(x: number): number {
  const t = Math.abs(x);
  if (t < 1) return (1.5 * t - 2.5) * t * t + 1;
  if (t < 2) return ((-0.5 * t + 2.5) * t - 4) * t + 2;
  return 0;
}

/** Weights of the source pixels from `first` on, for one pixel of the view. */
type Taps = { first: number; weights: number[] };

/** Taps of every pixel when `length` source pixels become `size`; positions count from the start of the crop. */
function tapsOf(length: number, size: number): Taps[] {
  const scale = length / size;
  return Array.from({ length: size }, (_, i) => {
    const centre = (i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - 2 + 0.5));
    const end = Math.min(length, Math.trunc(centre + 2 + 0.5));
    const weights = Array.from({ length: end - first }, (_, k) => cubic(first + k + 0.5 - centre));
    const sum = weights.reduce((total, weight) => total + weight, 0);
    return { first, weights: weights.map((weight) => weight / sum) };
  });
}

/** Taps for every length of crop, each worked out once. */
export type TapsTable = Map<number, Taps[]>;

/**
 * Interpolation matrices of some views: float32 rows [B, S, S] (view row × image row) and columns [B, S, S] (image column × view
 * column), mirrored where `flip` is 1.
 * @param table  taps already known at this size; filled further
 */
export function cropMatrices(
  boxes: Box[],
  flip: ArrayLike<number>,
  size: number,
  table: TapsTable = new Map(),
): { rows: Float32Array; columns: Float32Array } {
  const taps = (length: number) => table.get(length) ?? table.set(length, tapsOf(length, size)).get(length)!;
  const rows = new Float32Array(boxes.length * size * size);
  const columns = new Float32Array(boxes.length * size * size);
  for (const [b, { top, left, height, width }] of boxes.entries()) {
    const start = b * size * size;
    for (const [i, { first, weights }] of taps(height).entries()) {
      rows.set(weights, start + i * size + top + first);
    }
    for (const [i, { first, weights }] of taps(width).entries()) {
      const column = start + (left + first) * size + (flip[b] ? size - 1 - i : i);
      for (let k = 0; k < weights.length; k++) columns[column + k * size] = weights[k]!;
    }
  }
  return { rows, columns };
}

/**
 * The crops of some images as planes, clipped to [0, 1], as bicubic weights overshoot.
 * @param images   float32 [B, H, W, 3], any range; `scale` brings it to [0, 1]
 * @param rows     float32 [B, S, H]
 * @param columns  float32 [B, W, S]
 */
export function crop(images: Tensor, rows: Tensor, columns: Tensor, scale: number): Planes {
  const [b = 0, h = 0, w = 0] = images.shape;
  const s = rows.shape[1] ?? 0;
  const high = tf.matMul(rows, tf.reshape(images, [b, h, w * 3])); // [B, S, 3W]  one product for the three channels
  const planar = tf.reshape(tf.transpose(tf.reshape(high, [b, s, w, 3]), [0, 3, 1, 2]), [b, 3 * s, w]);
  const square = tf.matMul(planar, columns); // [B, 3S, S]  no broadcast: oneDNN's batched product overruns its buffers there
  const [red, green, blue] = tf.unstack(tf.reshape(clip(tf.mul(square, scale)), [b, 3, s, s]), 1);
  return [red!, green!, blue!];
}
