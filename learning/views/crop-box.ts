/**
 * Which part of an image a view shows, by one of two laws.
 *   simclr       TensorFlow's sample_distorted_bounding_box: aspect ratio uniform, height uniform over the whole numbers that keep the
 *                area in its range. Two differences, so that the recipe means what it says: the last row and column can be reached
 *                (TensorFlow's offsets leave them out), and `minArea` is the only lower bound (SimCLR's 0.08 is in fact 0.1, as crops
 *                that cover less than 0.1 of the image are drawn again).
 *   torchvision  its RandomResizedCrop: area uniform, aspect ratio log-uniform, sides rounded; hence larger crops. It tries 10 times, and
 *                shows as much of the middle as `aspect` allows if none fits; here both laws try 100 times, and show what `drawBox` says.
 */
import type { ViewLaws } from '../../contracts/views.ts';
import type { Random } from '../random.ts';

/** Whole pixels, inside the image. */
export type Box = { top: number; left: number; height: number; width: number };

/** Share of the image's area, and width over height. */
export type CropLaws = Pick<ViewLaws, 'crop' | 'maxArea' | 'aspect'> & { minArea: number };
type Sides = { height: number; width: number };
type Range = [least: number, most: number];

const ATTEMPTS = 100;

/** One attempt of simclr: sides, or nothing when rounding leaves the bounds. */
function attemptHeight(random: Random, size: number, { minArea, maxArea, aspect: [least, most] }: CropLaws): Sides | undefined {
  const aspect = least + random.uniform() * (most - least);
  const lowest = Math.max(1, Math.round(size * Math.sqrt(minArea / aspect)));
  const highest = Math.min(size, Math.floor((size + 0.5) / aspect), Math.round((size * Math.sqrt(maxArea)) / Math.sqrt(aspect)));
  const height = lowest < highest ? lowest + random.integer(highest - lowest + 1) : highest;
  const width = Math.round(height * aspect);
  const area = width * height;
  if (width < 1 || width > size || area < minArea * size * size || area > maxArea * size * size) return undefined;
  return { height, width };
}

/**
 * One attempt by the law of torchvision's crops and erased boxes: area uniform, aspect log-uniform, sides rounded.
 * @param area    share of the image
 * @param aspect  width over height
 * @returns nothing when a side rounds to 0, or is longer than `longest` pixels
 */
export function attemptArea(random: Random, size: number, longest: number, area: Range, [least, most]: Range): Sides | undefined {
  const pixels = size * size * (area[0] + random.uniform() * (area[1] - area[0]));
  const aspect = Math.exp(Math.log(least) + random.uniform() * (Math.log(most) - Math.log(least)));
  const [height, width] = [Math.round(Math.sqrt(pixels / aspect)), Math.round(Math.sqrt(pixels * aspect))];
  return Math.min(height, width) < 1 || Math.max(height, width) > longest ? undefined : { height, width };
}

/** A box of these sides, anywhere in the image. */
export function placed(random: Random, size: number, { height, width }: Sides): Box {
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
  const { crop, minArea, maxArea, aspect } = laws;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const sides = crop === 'torchvision' ? attemptArea(random, size, size, [minArea, maxArea], aspect) : attemptHeight(random, size, laws);
    if (sides) return placed(random, size, sides);
  }
  return middleBox(size, laws.maxArea);
}
