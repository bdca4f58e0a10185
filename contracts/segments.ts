/** How pretraining is cut into segments, and who therefore renders its views: counted alike by the workflow and the command line. */
import type { Recipe } from './recipe.ts';
import type { Segment } from './stages.ts';

/** Images that one segment passes at least: long against the start of a trainer, short against a working day. */
const SEGMENT_IMAGES = 20_000;
const GIGABYTE = 1e9;

/** K, the epochs of one segment. @param images  images of one epoch */
export function segmentLength(images: number, segmentEpochs: number | 'auto'): number {
  return segmentEpochs === 'auto' ? Math.max(1, Math.ceil(SEGMENT_IMAGES / Math.max(1, images))) : segmentEpochs;
}

/**
 * The segment with which a chain goes on that stands at `epochsDone`, whoever brought it there: segments begin at multiples of `length`. Where
 * all epochs are done it is the last one, as its model may not be committed yet.
 */
export function segmentAt(epochsDone: number, length: number, epochs: number): Segment {
  const at = Math.min(epochsDone, epochs - 1);
  const from = at - (at % length);
  return { from, to: Math.min(epochs, from + length) };
}

/**
 * Gigabytes of views that workers would have in the store at once: those of the segment that is trained on and of the one being
 * written, two views of size² · 3 bytes for each image and epoch.
 */
export function viewsGigabytes({ epochs, segmentEpochs }: Recipe['pretrain'], images: number, size: number): number {
  const epochsAtOnce = Math.min(epochs, 2 * segmentLength(images, segmentEpochs));
  return (images * epochsAtOnce * 2 * size ** 2 * 3) / GIGABYTE;
}

/**
 * Who renders the views: what the recipe says; `auto` settled: data workers, unless their views would not fit into the store's
 * budget (`views.storeGigabytes`), then the training device.
 */
export function viewsWhere({ views, pretrain }: Pick<Recipe, 'views' | 'pretrain'>, images: number, size: number): 'workers' | 'device' {
  if (views.where !== 'auto') return views.where;
  return viewsGigabytes(pretrain, images, size) > views.storeGigabytes ? 'device' : 'workers';
}
