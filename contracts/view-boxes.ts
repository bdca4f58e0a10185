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
  const found =
    laws.crop === 'torchvision' ? foundByArea([laws.minArea, laws.maxArea], laws.aspect, size, size) : foundByHeight(laws, size);
  return (1 - mean(found)) ** CROP_ATTEMPTS;
}

/** At points of a law's ranges, the share of attempts that find a crop; of SimCLR's law. */
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

/** Share of the black boxes that are left out, as no attempt finds one smaller than the view. @param size  side of the views, pixels */
export function missedErasings({ erasingArea, erasingAspect }: Laws, size: number): number {
  return (1 - mean(foundByArea(erasingArea, erasingAspect, size, size - 1))) ** ERASING_ATTEMPTS;
}

/** As above, of torchvision's law: sides of at least a pixel and at most `longest`. Either side may be the one that the aspect is over. */
function foundByArea(area: Range, [least, most]: Range, size: number, longest: number): number[] {
  const ratios = pointsOf([Math.log(least), Math.log(most)]).map(Math.exp);
  return pointsOf(area).flatMap((share) =>
    ratios.map((ratio) => {
      const sides = [Math.round(size * Math.sqrt(share * ratio)), Math.round(size * Math.sqrt(share / ratio))];
      return Number(Math.min(...sides) >= 1 && Math.max(...sides) <= longest);
    }),
  );
}

const pointsOf = ([least, most]: Range) => Array.from({ length: POINTS }, (_, i) => least + ((i + 0.5) / POINTS) * (most - least));
const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
