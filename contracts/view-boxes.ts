/**
 * Whether the laws of the views leave boxes to draw. `learning/views` tries a number of times (`crop-box.ts`, `erasing.ts`) and then does
 * without; here it is worked out how often that happens, so that a recipe of which it is the rule can be refused.
 */
import type { z } from 'zod';
import type { Views } from './views.ts';

type Laws = z.infer<typeof Views>;
type Range = readonly [least: number, most: number];

const CROP_ATTEMPTS = 100;
const ERASING_ATTEMPTS = 10;
/** Values that stand for a range, in the middle of as many equal parts. */
const POINTS = 256;

/** Share of the views that get the middle of the image, as no attempt finds a crop. @param size  side of the images, pixels */
export function missedCrops(laws: Laws, size: number): number {
  if (laws.minArea >= 1) return 0; // the whole image is what was asked for
  const found = laws.crop === 'torchvision' ? foundByArea(laws, size) : foundByHeight(laws, size);
  return (1 - mean(found)) ** CROP_ATTEMPTS;
}

/** Of points of the law's range, the share of attempts that find a crop. */
function foundByHeight({ minArea, maxArea, aspect }: Laws, size: number): number[] {
  return pointsOf(aspect).map((ratio) => {
    const lowest = Math.max(1, Math.round(size * Math.sqrt(minArea / ratio)));
    const highest = Math.min(size, Math.floor((size + 0.5) / ratio), Math.round((size * Math.sqrt(maxArea)) / Math.sqrt(ratio)));
    const heights = Array.from({ length: Math.max(1, highest - lowest + 1) }, (_, i) => highest - i);
    return mean(
      heights.map((height) => {
        const width = Math.round(height * ratio);
        const area = width * height;
        return Number(width >= 1 && width <= size && area >= minArea * size * size && area <= maxArea * size * size);
      }),
    );
  });
}

function foundByArea({ minArea, maxArea, aspect: [least, most] }: Laws, size: number): number[] {
  const ratios = pointsOf([Math.log(least), Math.log(most)]).map(Math.exp);
  return pointsOf([minArea, maxArea]).flatMap((area) =>
    ratios.map((ratio) => {
      const sides = [Math.round(size * Math.sqrt(area / ratio)), Math.round(size * Math.sqrt(area * ratio))];
      return Number(Math.min(...sides) >= 1 && Math.max(...sides) <= size);
    }),
  );
}

/** Share of the black boxes that are left out, as no attempt finds one smaller than the view. @param size  side of the views, pixels */
export function missedErasings({ erasingArea, erasingAspect: [least, most] }: Laws, size: number): number {
  const ratios = pointsOf([Math.log(least), Math.log(most)]).map(Math.exp);
  const found = pointsOf(erasingArea).flatMap((area) =>
    ratios.map((ratio) => {
      const pixels = size * size * area;
      const [height, width] = [Math.round(Math.sqrt(pixels * ratio)), Math.round(Math.sqrt(pixels / ratio))];
      return Number(Math.min(height, width) >= 1 && Math.max(height, width) < size);
    }),
  );
  return (1 - mean(found)) ** ERASING_ATTEMPTS;
}

const pointsOf = ([least, most]: Range) => Array.from({ length: POINTS }, (_, i) => least + ((i + 0.5) / POINTS) * (most - least));
const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
