/** How much work a recipe is, guessed from the size of its network. Good to a factor of two or three, which is enough to choose. */
import { hasBottlenecks, isTeachersSize, studentEncoder } from '../contracts/architecture.ts';
import type { EncoderRecipe, Recipe } from '../contracts/recipe.ts';
import type { Drawn } from './label-draws.ts';

/** Multiply-adds of one image forwards at width 1: CIFAR stem at 32 px, ImageNet stem at 224 px (He et al. 2016, table 1 and section 4.2). */
const MULTIPLY_ADDS = {
  small: { 18: 0.56e9, 34: 1.16e9, 50: 1.3e9, 101: 2.5e9, 152: 3.7e9, 200: 4.9e9 },
  imagenet: { 18: 1.8e9, 34: 3.6e9, 50: 4.1e9, 101: 7.8e9, 152: 11.5e9, 200: 15e9 },
} as const;
const SELECTIVE_KERNEL = 1.5; // twice the 3×3 convolutions
const TRAINING = 3; // forwards, and backwards to inputs and to weights
/**
 * Multiply-adds a second that one core gets out of a network of width 1. Measured on two AVX-512 cores (ResNet-18, 64 images of 32 px, widths
 * 0.25 to 1): narrow layers are short of work, so that the rate falls with about the third root of the width.
 */
const CORE_RATE = { float32: 50e9, bfloat16: 80e9 };
const rateAt = (width: number) => Math.min(1, width ** 0.3);

type Sized = Pick<EncoderRecipe, 'depth' | 'width' | 'stem'> & Partial<EncoderRecipe>;

/** Multiply-adds of one image forwards through the encoder. */
export function forwardCost({ depth, width, stem, selectiveKernel }: Sized, size: number): number {
  const kind = stem === 'auto' ? (size <= 64 ? 'small' : 'imagenet') : stem;
  const kernels = selectiveKernel && hasBottlenecks(depth) ? SELECTIVE_KERNEL : 1;
  return MULTIPLY_ADDS[kind][depth] * kernels * width ** 2 * (size / (kind === 'small' ? 32 : 224)) ** 2;
}

/** Work of a recipe in multiply-adds. @param draws  of each label draw, how many images it learns from and how many rates it tries */
export function workOf(
  recipe: Recipe,
  pool: number,
  draws: Pick<Drawn, 'learnt' | 'rates'>[],
): { pretrain: number; labels: number; distill: number } {
  const { encoder, pretrain, finetune, distill, images } = recipe;
  const { teachers = 1 } = distill;
  const teacher = forwardCost(encoder, images.size);
  const student = forwardCost(studentEncoder(encoder, distill.student), images.size);
  const small = isTeachersSize(encoder, distill.student) ? 0 : student;
  const passes = (count: number) => Math.max(finetune.epochs * count, finetune.atLeastSteps * Math.min(finetune.batch, count));
  const baseline = ({ learnt, rates }: (typeof draws)[number]) => passes(learnt) + rates * passes(0.8 * learnt); // a fifth is held out
  const onLabels = (draw: (typeof draws)[number]) =>
    TRAINING * (teachers * teacher * passes(draw.learnt) + (teacher + small) * baseline(draw));
  return {
    pretrain: pretrain.epochs * pool * (2 * TRAINING + (pretrain.memory.size > 0 ? 1 : 0)) * teacher,
    labels: draws.reduce((sum, draw) => sum + onLabels(draw), 0),
    distill: draws.length * distill.epochs * pool * (TRAINING * student + teachers * teacher),
  };
}

/** Seconds that work takes on so many cores of an ordinary processor. */
export function secondsFor(work: number, width: number, cores: number, precision: keyof typeof CORE_RATE): number {
  return work / (CORE_RATE[precision] * cores * rateAt(width));
}
