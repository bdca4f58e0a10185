/**
 * Which part of an image a view shows. The law is that of TensorFlow's sample_distorted_bounding_box, which SimCLR trains with:
 * aspect ratio uniform (torchvision: log-uniform), height uniform over the whole numbers that keep the area in its range
 * (torchvision: area uniform). Two differences, so that the recipe means what it says: the last row and column can be reached
 * (TensorFlow's offsets leave them out), and `minArea` is the only lower bound (SimCLR's 0.08 is in fact 0.1, as crops that
 * cover less than 0.1 of the image are drawn again).
 */
import type { Random } from '../random.ts';

/** Whole pixels, inside the image. */
export type Box = { top: number; left: number; height: number; width: number };

const ASPECT = { least: 3 / 4, most: 4 / 3 };
const ATTEMPTS = 100;

/** One attempt: a box in a square image of `size` pixels, or nothing when rounding leaves the bounds. */
function attemptBox(random: Random, size: number, minArea: number): Box | undefined {
  const aspect = ASPECT.least + random.uniform() * (ASPECT.most - ASPECT.least);
  const lowest = Math.max(1, Math.round(size * Math.sqrt(minArea / aspect)));
  const highest = Math.min(size, Math.floor((size + 0.5) / aspect), Math.round(size / Math.sqrt(aspect)));
  const height = lowest < highest ? lowest + random.integer(highest - lowest + 1) : highest;
  const width = Math.round(height * aspect);
  const area = width * height;
  if (width < 1 || width > size || area < minArea * size * size || area > size * size) return undefined;
  return { top: random.integer(size - height + 1), left: random.integer(size - width + 1), height, width };
}

/**
 * A random box in a square image; the whole image when no attempt of 100 fits, or when `minArea` is 1.
 * @param size     side of the image, pixels
 * @param minArea  smallest share of the image, (0, 1]
 */
export function drawBox(random: Random, size: number, minArea: number): Box {
  const whole = { top: 0, left: 0, height: size, width: size };
  if (minArea >= 1) return whole;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const box = attemptBox(random, size, minArea);
    if (box) return box;
  }
  return whole;
}
