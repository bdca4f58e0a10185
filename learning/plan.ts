/** How long a training is and how fast it learns, settled before it starts. */
import type { LearningRate } from '../contracts/recipe.ts';

export type TrainingWanted = {
  images: number;
  /** Images a step. */
  batch: number;
  epochs: number;
  /** More epochs until there are that many steps. */
  atLeastSteps?: number;
  warmupEpochs?: number;
  learningRate: LearningRate;
};

export type TrainingPlan = {
  /** At most the images there are. */
  batch: number;
  /** Full batches of an epoch; the rest is dropped, and another rest in every epoch. */
  stepsPerEpoch: number;
  epochs: number;
  steps: number;
  warmupSteps: number;
  /** Highest learning rate. */
  peak: number;
};

/** base · √batch, base · batch / 256, or base. */
function peakRate({ base, scaling }: LearningRate, batch: number): number {
  if (scaling === 'sqrt') return base * Math.sqrt(batch);
  return scaling === 'linear' ? (base * batch) / 256 : base;
}

/**
 * The numbers of a training. Differs from SimCLR, which counts images · epochs / batch + 1 steps without regard to the end of an
 * epoch: here an epoch is a whole number of steps.
 * @throws RangeError when images, batch or epochs are below 1
 */
export function planTraining({
  images,
  batch: wanted,
  epochs: least,
  atLeastSteps = 0,
  warmupEpochs = 0,
  learningRate,
}: TrainingWanted): TrainingPlan {
  if (images < 1 || wanted < 1 || least < 1) {
    throw new RangeError(`Cannot plan a training as images, batch and epochs must be at least 1: ${images}, ${wanted}, ${least}`);
  }
  const batch = Math.min(wanted, images);
  const stepsPerEpoch = Math.floor(images / batch);
  const epochs = Math.max(least, Math.ceil(atLeastSteps / stepsPerEpoch));
  const steps = stepsPerEpoch * epochs;
  const warmupSteps = Math.min(steps, Math.round(warmupEpochs * stepsPerEpoch));
  return { batch, stepsPerEpoch, epochs, steps, warmupSteps, peak: peakRate(learningRate, batch) };
}

/**
 * Learning rate of a step (0 the first): linear from 0 to the peak in the warm-up, then a cosine down to 0, and 0 beyond the end.
 * @see google-research/simclr model.py WarmUpAndCosineDecay
 */
export function learningRateAt({ steps, warmupSteps, peak }: Pick<TrainingPlan, 'steps' | 'warmupSteps' | 'peak'>, step: number): number {
  if (step < warmupSteps) return (peak * step) / warmupSteps;
  if (step >= steps) return 0;
  return (peak * (1 + Math.cos((Math.PI * (step - warmupSteps)) / (steps - warmupSteps)))) / 2;
}
