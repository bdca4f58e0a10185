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

/** Share of the image's area, and width over height. */
export type CropLaws = { minArea: number; maxArea: number; aspect: [least: number, most: number] };

const ATTEMPTS = 100;

/** One attempt: a box in a square image of `size` pixels, or nothing when rounding leaves the bounds. */
function attemptBox(random: Random, size: number, { minArea, maxArea, aspect: [least, most] }: CropLaws): Box | undefined {
  const aspect = least + random.uniform() * (most - least);
  const lowest = Math.max(1, Math.round(size * Math.sqrt(minArea / aspect)));
  const highest = Math.min(size, Math.floor((size + 0.5) / aspect), Math.round((size * Math.sqrt(maxArea)) / Math.sqrt(aspect)));
  const height = lowest < highest ? lowest + random.integer(highest - lowest + 1) : highest;
  const width = Math.round(height * aspect);
  const area = width * height;
  if (width < 1 || width > size || area < minArea * size * size || area > maxArea * size * size) return undefined;
  return { top: random.integer(size - height + 1), left: random.integer(size - width + 1), height, width };
}

/** The square in the middle with that share of the image, at least one pixel. */
function middleBox(size: number, area: number): Box {
  const side = Math.max(1, Math.floor(size * Math.sqrt(area)));
  const start = Math.floor((size - side) / 2);
  return { top: start, left: start, height: side, width: side };
}

/**
 * A random box in a square image; the square of `maxArea` in its middle when no attempt of 100 fits, the whole image when `minArea` is 1.
 * @param size  side of the image, pixels
 */
export function drawBox(random: Random, size: number, laws: CropLaws): Box {
  if (laws.minArea >= 1) return middleBox(size, 1);
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const box = attemptBox(random, size, laws);
    if (box) return box;
  }
  return middleBox(size, laws.maxArea);
}
