/**
 * The section `views` of a recipe: how strongly and how often the views of pretraining change; where they look and how they lie holds for
 * fine-tuning and distillation, too. The defaults are SimCLR's; what SimCLR does not have is off.
 */
import { z } from 'zod';
import type { ViewSettings } from './trainer.ts';

/** Views of an image in a batch of pretraining. */
export const VIEWS = 2;

const Share = z.number().gt(0).lte(1);
const Probability = z.number().min(0).max(1);
const Ascending = (value: z.ZodNumber) =>
  z.tuple([value, value]).refine(([least, most]) => least <= most, 'must be two numbers, the smaller one first');

export const ViewLaws = z.strictObject({
  crop: z
    .enum(['simclr', 'torchvision'])
    .default('simclr')
    .describe(
      'simclr draws the height of a crop evenly, torchvision its area: 41 and 48 % of an image on average, from minArea 0.08; torchvision rounds the sides afterwards, so that a crop may be a little smaller than minArea',
    ),
  maxArea: Share.default(1).describe('largest crop, as a share of the image'),
  aspect: Ascending(z.number().min(0.1).max(10))
    .default([3 / 4, 4 / 3])
    .describe('width over height of a crop'),
  flip: Probability.default(0.5).describe('probability of mirroring left to right'),
  verticalFlip: Probability.default(0).describe('probability of mirroring top to bottom; for cells, tissue and aerial images'),
  rotation: z.number().min(0).max(180).default(0).describe('degrees by which a view is turned at most, either way'),
  jitterForm: z.enum(['v2', 'v1']).default('v2').describe('v2 multiplies brightness by 1 ± 0.8·jitter, v1 adds ± 0.8·jitter'),
  jitterProbability: Probability.default(0.8),
  grayscale: Probability.default(0.2).describe('probability of grayscale'),
  blurProbability: Probability.default(0.5),
  blurSigma: Ascending(z.number().min(0.01).max(100)).default([0.1, 2]).describe('standard deviation of the blur, pixels'),
  solarize: Probability.default(0).describe('probability of inverting what is bright; BYOL has 0.2 on one of its two views'),
  solarizeThreshold: z.number().min(0).max(1).default(0.5).describe('from which value on, of 0 to 1'),
  erasing: Probability.default(0).describe('probability of a black box; torchvision’s RandomErasing has 0.5'),
  erasingArea: Ascending(z.number().gt(0).lt(1)).default([0.02, 0.33]).describe('of the box, as a share of the view'),
  erasingAspect: Ascending(z.number().min(0.01).max(100)).default([0.3, 3.3]).describe('height over width of the box'),
});
export type ViewLaws = z.infer<typeof ViewLaws>;
/** Every law as SimCLR has it. */
export const VIEW_LAWS = ViewLaws.parse({});

export const Views = z.strictObject({
  jitter: z.number().min(0).max(2).default(0.5).describe('colour jitter strength s; 1.0 for ImageNet, 0.5 for CIFAR-10'),
  minArea: Share.default(0.08).describe(
    'smallest crop, as a share of the image; crops, flips and turns hold for fine-tuning and distillation, too',
  ),
  blur: z
    .union([z.literal('auto'), z.boolean()])
    .default('auto')
    .describe('auto: above 32 px'),
  ...ViewLaws.shape,
  where: z
    .enum(['auto', 'workers', 'device'])
    .default('auto')
    .describe('who renders the pretraining views: data workers, ahead and into the store, or the training device; auto: by storeGigabytes'),
  storeGigabytes: z.number().min(0).default(20).describe('of 10⁹ bytes; auto: views that would take more at once are left to the device'),
});

/**
 * `auto` settled: SimCLR leaves blur out for CIFAR-10, so it is on above 32 px. Who renders them is no part of them. Laws that are
 * SimCLR's, or that govern what never happens, are left out, so that the keys of artifacts do not depend on them.
 */
export function viewSettings(recipe: z.infer<typeof Views>, size: number): ViewSettings {
  const views = { ...VIEW_LAWS, ...recipe }; // a run that began before a law was there does not name it
  const { jitter, minArea, solarize, erasing } = views;
  const blur = views.blur === 'auto' ? size > 32 : views.blur;
  const isIdle: Partial<Record<keyof ViewLaws, boolean>> = {
    crop: minArea === 1,
    aspect: minArea === 1,
    jitterForm: jitter === 0,
    jitterProbability: jitter === 0,
    blurProbability: !blur,
    blurSigma: !blur,
    solarizeThreshold: solarize === 0,
    erasingArea: erasing === 0,
    erasingAspect: erasing === 0,
  };
  const laws = (Object.keys(VIEW_LAWS) as (keyof ViewLaws)[]).filter(
    (law) => !isIdle[law] && String(views[law]) !== String(VIEW_LAWS[law]),
  );
  return { jitter, minArea, blur, kind: 'simclr', ...Object.fromEntries(laws.map((law) => [law, views[law]])) };
}

/**
 * Views of a stage that trains a classifier: crops, flips and turns as in pretraining, colours as they are (SimCLR fine-tunes and distils
 * on crops and flips). @param views  of the recipe; SimCLR's where an older run names none
 */
export function plainViews(kind: 'finetune' | 'distill', views = Views.parse({})): ViewSettings {
  const colours = { jitter: 0, blur: false, grayscale: VIEW_LAWS.grayscale, solarize: 0, erasing: 0 };
  return { ...viewSettings({ ...views, ...colours }, 0), kind };
}
