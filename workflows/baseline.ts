/**
 * labels → baseline: the same network, trained from nothing on the same labels, at the best of the learning rates that the recipe names. They
 * are tried on a part of the labelled images and judged on the rest; where the labels do not suffice for that, the first one is used.
 */
import { ActivityFailure, ApplicationFailure } from '@temporalio/workflow';
import type { ClassifierRef } from '../contracts/artifacts.ts';
import type { FinetuneInput } from '../contracts/stages.ts';
import { light, training } from './policies.ts';
import { call } from './steps.ts';

/** @param what  names network and labels for people */
export async function trainBaseline(input: FinetuneInput, what: string): Promise<ClassifierRef> {
  const { images, labels, seed, finetune } = input;
  const { alsoTry = [], learningRate } = finetune.baseline;
  const at = (base: number): FinetuneInput['finetune'] => ({
    ...finetune,
    baseline: { ...finetune.baseline, learningRate: { ...learningRate, base } },
  });
  const { split } = alsoTry.length > 0 ? await call(light.splitLabels, `hold a fifth out: ${what}`, { images, labels, seed }) : {};
  let best = { base: learningRate.base, accuracy: Number.NEGATIVE_INFINITY };
  for (const base of split ? [learningRate.base, ...alsoTry] : []) {
    const tried = { ...input, finetune: at(base), labels: split ?? labels, judged: true, stopped: false };
    const { accuracy = 0 } = await call(training.finetune, `try rate ${base}: ${what}`, tried).catch(orDiverged);
    if (accuracy > best.accuracy) best = { base, accuracy };
  }
  return call(training.finetune, `${what} (${labels.images} images)`, { ...input, finetune: at(best.base) });
}

/** A rate at which the training diverges is no failure of the run but a rate that loses. */
function orDiverged(error: unknown): { accuracy?: number } {
  const isDiverged =
    error instanceof ActivityFailure && error.cause instanceof ApplicationFailure && error.cause.type === 'TrainingDiverged';
  if (isDiverged) return { accuracy: -1 };
  throw error;
}
