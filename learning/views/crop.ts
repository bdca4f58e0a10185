/**
 * Crop, flip and resize of a batch as two matrix products: every row of a matrix holds the weights with which one pixel of the
 * view takes its source pixels. Bicubic exactly as Pillow's `crop(box).resize(size, BICUBIC)` (Resample.c). A crop is never larger
 * than the view, so antialiasing has nothing to do. Large views are made in blocks, each from the window of the image that it
 * needs: a matrix over the whole image would be nearly all zeros.
 * Letters: B views · S side of view and image · k blocks along a side · L side of a block · M side of its window.
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

/** Source pixels that one pixel of the view takes at most. */
const TAPS = 4;

/** For each pixel of the view the source pixels it takes: the first one, counted from the start of the crop, how many, and their weights. */
type Taps = { first: Int32Array; count: Uint8Array; weights: Float32Array };

/** By size, then by length of crop; each worked out once in a process. */
const known = new Map<number, Map<number, Taps>>();

/** Taps of every pixel when `length` source pixels become `size`. */
function tapsOf(length: number, size: number): Taps {
  const ofSize = known.get(size) ?? new Map<number, Taps>();
  known.set(size, ofSize);
  const found = ofSize.get(length);
  if (found) return found;
  const scale = length / size;
  const taps = { first: new Int32Array(size), count: new Uint8Array(size), weights: new Float32Array(size * TAPS) };
  for (let i = 0; i < size; i++) {
    const centre = (i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - 2 + 0.5));
    const end = Math.min(length, Math.trunc(centre + 2 + 0.5));
    const weights = Array.from({ length: end - first }, (_, k) => cubic(first + k + 0.5 - centre));
    const sum = weights.reduce((total, weight) => total + weight, 0);
    taps.first[i] = first;
    taps.count[i] = weights.length;
    taps.weights.set(
      weights.map((weight) => weight / sum),
      i * TAPS,
    );
  }
  ofSize.set(length, taps);
  return taps;
}

/** How a side falls into blocks; the last may stand out over the edge. */
export type Blocks = { count: number; length: number; window: number };

/** Pixels of a block's side at most; measured. */
const BLOCK = 64;
/** Source pixels that a block of L pixels takes at most, beyond L: bicubic reaches two pixels to each side. */
const REACH = 4;

/** @param most  pixels of a block's side at most */
export function blocksOf(size: number, most = BLOCK): Blocks {
  const count = Math.ceil(size / most);
  const length = Math.ceil(size / count);
  return { count, length, window: Math.min(size, length + REACH) };
}

/**
 * Write the interpolation matrices of one view's blocks along one side.
 * @param taps     of every pixel, positions counted from the crop's start, which lies `by` pixels into the image
 * @param strides  elements of the matrix from one pixel of the view, and from one of the window, to the next
 * @returns        where each block's window starts in the image
 */
function fill(
  matrices: Float32Array,
  { count, length, window }: Blocks,
  { first, count: taken, weights }: Taps,
  by: number,
  isMirrored: boolean,
  strides: { pixel: number; source: number },
): number[] {
  const size = first.length;
  const seen = (pixel: number) => (isMirrored ? size - 1 - pixel : pixel);
  return Array.from({ length: count }, (_, k) => {
    const [from, to] = [k * length, Math.min(size, (k + 1) * length)];
    const start = Math.min(by + Math.min(first[seen(from)]!, first[seen(to - 1)]!), size - window);
    for (let pixel = from; pixel < to; pixel++) {
      const of = seen(pixel);
      const at = k * length * window + (pixel - from) * strides.pixel + (by + first[of]! - start) * strides.source;
      for (let i = 0; i < taken[of]!; i++) matrices[at + i * strides.source] = weights[of * TAPS + i]!;
    }
    return start;
  });
}

/**
 * One side of a crop without blocks: float32 [S, S], from all pixels of the image's side to those of the view.
 * @param start, length  of the crop, pixels
 */
export function cropMatrix(size: number, start: number, length: number): Float32Array {
  const matrix = new Float32Array(size * size);
  fill(matrix, blocksOf(size, size), tapsOf(length, size), start, false, { pixel: size, source: 1 });
  return matrix;
}

/** What `crop` wants of some views: uint8 windows [B, k, M, k, M, 3] and float32 rows [B, k, L, M] and columns [B, k, M, L]. */
export type CropInputs = { windows: Uint8Array; rows: Float32Array; columns: Float32Array };

/**
 * The windows of the images and the interpolation matrices of some views, mirrored left to right where `flip` is 1 and top to
 * bottom where `verticalFlip` is.
 * @param images  uint8 [S, S, 3] each
 */
export function cropInputs(
  images: Uint8Array[],
  boxes: Box[],
  { flip, verticalFlip }: { flip: ArrayLike<number>; verticalFlip: ArrayLike<number> },
  size: number,
  blocks: Blocks,
): CropInputs {
  const { count, length, window } = blocks;
  const [matrix, bytes] = [count * length * window, (count * window) ** 2 * 3];
  const windows = Buffer.allocUnsafeSlow(boxes.length * bytes); // every byte is written
  const rows = new Float32Array(boxes.length * matrix);
  const columns = new Float32Array(boxes.length * matrix);
  for (const [b, { top, left, height, width }] of boxes.entries()) {
    const of = (all: Float32Array) => all.subarray(b * matrix, (b + 1) * matrix);
    const tops = fill(of(rows), blocks, tapsOf(height, size), top, verticalFlip[b] === 1, { pixel: window, source: 1 });
    const lefts = fill(of(columns), blocks, tapsOf(width, size), left, flip[b] === 1, { pixel: 1, source: length });
    copyWindows(images[b]!, windows.subarray(b * bytes), tops, lefts, size, window);
  }
  return { windows, rows, columns };
}

/** The windows of one image, row by row; all of it at once where the window is the image. */
function copyWindows(image: Uint8Array, to: Buffer, tops: number[], lefts: number[], size: number, window: number): void {
  if (window === size && tops.length === 1) return void to.set(image);
  const source = Buffer.from(image.buffer, image.byteOffset, image.byteLength);
  let at = 0;
  for (const top of tops) {
    for (let row = top; row < top + window; row++) {
      for (const left of lefts) {
        const from = (row * size + left) * 3;
        at += source.copy(to, at, from, from + window * 3);
      }
    }
  }
}

/**
 * The crops of some images as planes [B, S, S], clipped to [0, 1], as bicubic weights overshoot.
 * @param windows  float32 [B, k, M, k, M, 3], any range; `scale` brings it to [0, 1]
 * @param rows     float32 [B, k, L, M]
 * @param columns  float32 [B, k, M, L]
 */
export function crop(windows: Tensor, rows: Tensor, columns: Tensor, size: number, scale: number): Planes {
  const [b = 0, k = 0, length = 0, window = 0] = rows.shape;
  const blocks = (tensor: Tensor, ...sides: number[]) => tf.reshape(tensor, [b * k, ...sides]);
  // Down: one product for the three channels of all windows side by side.
  const high = tf.matMul(blocks(rows, length, window), blocks(windows, window, k * window * 3));
  const planar = tf.transpose(tf.reshape(high, [b, k * length, k, window, 3]), [0, 2, 4, 1, 3]); // [B, k, 3, kL, M]
  // Across; no broadcast: oneDNN's batched product overruns its buffers there.
  const across = tf.matMul(blocks(planar, 3 * k * length, window), blocks(columns, window, length));
  const wide = tf.unstack(tf.reshape(clip(tf.mul(across, scale)), [b, k, 3, k * length, length]), 2);
  return wide.map((plane) => {
    const whole = tf.reshape(tf.transpose(plane, [0, 2, 1, 3]), [b, k * length, k * length]);
    return k * length > size ? tf.slice(whole, [0, 0, 0], [b, size, size]) : whole;
  }) as Planes;
}
