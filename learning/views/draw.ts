/**
 * What is drawn for a view: its crop, flip and colours. Every view has its own stream of draws, named by seed, epoch, image and
 * view, and every quantity its place in that stream, so nothing depends on shards, batches or workers, and a change of jitter
 * leaves the flips as they were.
 * @see Chen et al. 2020, appendix A; google-research/simclr data_util.py ("simclrv2" brightness)
 */
import { type Random, randomStream } from '../random.ts';
import { type Box, drawBox } from './crop-box.ts';

/** `light` views are cropped and flipped only: for fine-tuning and distillation. */
export type ViewRecipe = { kind: 'simclr' | 'light'; jitter: number; minArea: number; blur: boolean };

/** Parameters of R = images · views views; row i · views + v is view v of image i. */
export type ViewParameters = {
  images: number;
  views: number;
  /** Side of image and view, pixels. */
  size: number;
  boxes: Box[];
  /** 1: mirrored. */
  flip: Uint8Array;
  /** Which of the 24 orders of colour operations, or NO_JITTER. */
  order: Uint8Array;
  brightness: Float32Array;
  contrast: Float32Array;
  saturation: Float32Array;
  /** Turn of the hue, in whole turns. */
  hue: Float32Array;
  /** 1: grayscale. */
  gray: Uint8Array;
  /** Standard deviation of the blur, pixels; 0 for none. */
  sigma: Float32Array;
};

export const ORDERS = 24;
/** `order` of a view whose colours stay. */
export const NO_JITTER = ORDERS;

const PROBABILITY = { flip: 0.5, jitter: 0.8, gray: 0.2, blur: 0.5 };
const SIGMA = { least: 0.1, most: 2 };

function emptyParameters(images: number, views: number, size: number): ViewParameters {
  const rows = images * views;
  const [floats, bytes] = [() => new Float32Array(rows), () => new Uint8Array(rows)];
  const colours = { brightness: floats().fill(1), contrast: floats().fill(1), saturation: floats().fill(1), hue: floats() };
  return { images, views, size, boxes: [], flip: bytes(), order: bytes().fill(NO_JITTER), ...colours, gray: bytes(), sigma: floats() };
}

/** Everything but crop and flip. All numbers are drawn, wanted or not, so that each keeps its place in the stream. */
function drawColours(random: Random, { jitter, blur }: ViewRecipe, into: ViewParameters, row: number): void {
  const factor = () => Math.max(0, 1 + 0.8 * jitter * (2 * random.uniform() - 1));
  const jittered = random.uniform() < PROBABILITY.jitter && jitter > 0;
  const [brightness, contrast, saturation] = [factor(), factor(), factor()];
  const hue = 0.2 * jitter * (2 * random.uniform() - 1);
  const order = random.integer(ORDERS);
  const gray = random.uniform() < PROBABILITY.gray;
  const blurred = random.uniform() < PROBABILITY.blur && blur;
  const sigma = SIGMA.least + random.uniform() * (SIGMA.most - SIGMA.least);
  if (jittered) {
    into.order[row] = order;
    into.brightness[row] = brightness;
    into.contrast[row] = contrast;
    into.saturation[row] = saturation;
    into.hue[row] = hue;
  }
  into.gray[row] = Number(gray);
  into.sigma[row] = blurred ? sigma : 0;
}

/**
 * Parameters of all views of some images in one epoch.
 * Factors are uniform in max(0, 1 ± 0.8·jitter), the hue turns by ± 0.2·jitter; jitter with probability 0.8, grayscale 0.2,
 * flip 0.5, blur 0.5 with σ uniform in 0.1–2 (drawn for each view; SimCLR draws it for each batch).
 * @param ids    what names each image, wherever it is stored
 * @param views  views of each image
 * @param size   side of image and view, pixels
 */
export function drawViews(recipe: ViewRecipe, seed: number, epoch: number, ids: string[], views: number, size: number): ViewParameters {
  const parameters = emptyParameters(ids.length, views, size);
  for (const [image, id] of ids.entries()) {
    for (let view = 0; view < views; view++) {
      const row = image * views + view;
      const random = randomStream(seed, 'view', epoch, id, view);
      parameters.flip[row] = Number(random.uniform() < PROBABILITY.flip);
      if (recipe.kind === 'simclr') drawColours(random, recipe, parameters, row);
      parameters.boxes.push(drawBox(random, size, recipe.minArea));
    }
  }
  return parameters;
}
