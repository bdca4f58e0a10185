/**
 * What is drawn for a view: its crop, flip and colours. Every view has its own stream of draws, named by seed, kind, epoch, image and
 * view, and every quantity its place in that stream, so nothing depends on shards, batches or workers, and a change of jitter
 * leaves the flips as they were. What SimCLR does not have is drawn from a further stream of its own.
 * @see Chen et al. 2020, appendix A; google-research/simclr data_util.py
 */
import type { ViewSettings } from '../../contracts/trainer.ts';
import { VIEW_LAWS, type ViewLaws } from '../../contracts/views.ts';
import { type Random, randomStream } from '../random.ts';
import { type Box, drawBox } from './crop-box.ts';
import { drawErased } from './erasing.ts';
import { NEVER } from './solarize.ts';

/** Parameters of R = images · views views; row i · views + v is view v of image i. */
export type ViewParameters = {
  images: number;
  views: number;
  /** Side of image and view, pixels. */
  size: number;
  boxes: Box[];
  /** 1: mirrored left to right. */
  flip: Uint8Array;
  /** 1: mirrored top to bottom. */
  verticalFlip: Uint8Array;
  /** Degrees against the clock. */
  angle: Float32Array;
  /** Which of the 24 orders of colour operations, or NO_JITTER. */
  order: Uint8Array;
  /** How brightness works: a factor in v2, a sum in v1. */
  jitterForm: ViewLaws['jitterForm'];
  brightness: Float32Array;
  contrast: Float32Array;
  saturation: Float32Array;
  /** Turn of the hue, in whole turns. */
  hue: Float32Array;
  /** 1: grayscale. */
  gray: Uint8Array;
  /** Standard deviation of the blur, pixels; 0 for none. */
  sigma: Float32Array;
  /** Value, of 0 to 1, from which on channels are inverted, or NEVER. */
  solarize: Float32Array;
  /** The box of each view that is black, or none. */
  erased: (Box | undefined)[];
};

export const ORDERS = 24;
/** `order` of a view whose colours stay. */
export const NO_JITTER = ORDERS;

type Laws = ViewSettings & ViewLaws;

function emptyParameters(images: number, views: number, size: number, jitterForm: ViewLaws['jitterForm']): ViewParameters {
  const rows = images * views;
  const [floats, bytes] = [() => new Float32Array(rows), () => new Uint8Array(rows)];
  return {
    images,
    views,
    size,
    boxes: [],
    flip: bytes(),
    verticalFlip: bytes(),
    angle: floats(),
    order: bytes().fill(NO_JITTER),
    jitterForm,
    brightness: floats().fill(jitterForm === 'v1' ? 0 : 1),
    contrast: floats().fill(1),
    saturation: floats().fill(1),
    hue: floats(),
    gray: bytes(),
    sigma: floats(),
    solarize: floats().fill(NEVER),
    erased: new Array<undefined>(rows).fill(undefined),
  };
}

/** Colours and blur. All numbers are drawn, wanted or not, so that each keeps its place in the stream. */
function drawColours(random: Random, laws: Laws, into: ViewParameters, row: number): void {
  const { jitter, blur, blurSigma } = laws;
  const swing = () => 0.8 * jitter * (2 * random.uniform() - 1);
  const factor = (change: number) => Math.max(0, 1 + change);
  const jittered = random.uniform() < laws.jitterProbability && jitter > 0;
  const [light, contrast, saturation] = [swing(), factor(swing()), factor(swing())];
  const hue = 0.2 * jitter * (2 * random.uniform() - 1);
  const order = random.integer(ORDERS);
  const gray = random.uniform() < laws.grayscale;
  const blurred = random.uniform() < laws.blurProbability && blur;
  const sigma = blurSigma[0] + random.uniform() * (blurSigma[1] - blurSigma[0]);
  if (jittered) {
    into.order[row] = order;
    into.brightness[row] = laws.jitterForm === 'v1' ? light : factor(light);
    into.contrast[row] = contrast;
    into.saturation[row] = saturation;
    into.hue[row] = hue;
  }
  into.gray[row] = Number(gray);
  into.sigma[row] = blurred ? sigma : 0;
}

/** What SimCLR does not have. @param stream  of that view, by the name of what is drawn */
function drawExtras(stream: (name: string) => Random, laws: Laws, into: ViewParameters, row: number): void {
  if (laws.verticalFlip > 0) into.verticalFlip[row] = Number(stream('vertical flip').uniform() < laws.verticalFlip);
  if (laws.rotation > 0) into.angle[row] = laws.rotation * (2 * stream('rotation').uniform() - 1);
  if (laws.solarize > 0 && stream('solarize').uniform() < laws.solarize) into.solarize[row] = laws.solarizeThreshold;
  if (laws.erasing > 0) {
    const random = stream('erasing');
    if (random.uniform() < laws.erasing) into.erased[row] = drawErased(random, into.size, laws.erasingArea, laws.erasingAspect);
  }
}

/**
 * Parameters of all views of some images in one epoch.
 * Factors are uniform in max(0, 1 ± 0.8·jitter), v1's shift of brightness in ± 0.8·jitter, the hue turns by ± 0.2·jitter, σ is uniform
 * in its range and drawn for each view (SimCLR draws it for each batch), the angle is uniform; each comes with its own probability.
 * @param ids    what names each image, wherever it is stored
 * @param views  views of each image
 * @param size   side of image and view, pixels
 */
export function drawViews(recipe: ViewSettings, seed: number, epoch: number, ids: string[], views: number, size: number): ViewParameters {
  const isPlain = recipe.kind !== 'simclr';
  const laws: Laws = { ...VIEW_LAWS, ...recipe, ...(isPlain ? { solarize: 0, erasing: 0 } : {}) };
  const kind = isPlain ? recipe.kind : 'view';
  const parameters = emptyParameters(ids.length, views, size, laws.jitterForm);
  for (const [image, id] of ids.entries()) {
    for (let view = 0; view < views; view++) {
      const row = image * views + view;
      const stream = (...name: string[]) => randomStream(seed, kind, epoch, id, view, ...name);
      const random = stream();
      parameters.flip[row] = Number(random.uniform() < laws.flip);
      if (!isPlain) drawColours(random, laws, parameters, row);
      parameters.boxes.push(drawBox(random, size, laws));
      drawExtras(stream, laws, parameters, row);
    }
  }
  return parameters;
}
