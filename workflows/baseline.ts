/**
 * labels → baseline: the same network, trained from nothing on the same labels, at the best of the learning rates that the recipe names. They
 * are tried on a part of the labelled images and judged on the rest; where the labels do not suffice for that, the first one is used.
 */
import type { ClassifierRef } from '../contracts/artifacts.ts';
import type { FinetuneInput, RateChoice } from '../contracts/stages.ts';
import { isFailure } from './failed.ts';
import { light, training } from './policies.ts';
import type { Run } from './run.ts';

/** @param what  names network and labels for people @param share  names the labels, whichever draw @returns also which rate it was, where others were tried */
export async function trainBaseline(
  { tracker, call, step, once }: Run,
  input: FinetuneInput,
  what: string,
  share: string,
): Promise<{ baseline: ClassifierRef; rates?: RateChoice }> {
  const { images, labels, seed, finetune } = input;
  const { alsoTry = [], learningRate } = finetune.baseline;
  const at = (base: number): FinetuneInput['finetune'] => ({
    ...finetune,
    baseline: { ...finetune.baseline, learningRate: { ...learningRate, base } },
  });
  const { split, why } = alsoTry.length > 0 ? await step(light.splitLabels, `hold a fifth out: ${what}`, { images, labels, seed }) : {};
  if (why) tracker.note(`One learning rate only for baselines with ${share}, as ${why}`);
  const bases = split ? [learningRate.base, ...alsoTry] : [];
  tracker.expect('classifier', bases.length);
  const tried: RateChoice['tried'] = [];
  for (const base of bases) {
    const wanted = { ...input, finetune: at(base), labels: split ?? labels, judged: true, stopped: false };
    const line = `try rate ${base}: ${what}`;
    const { accuracy } = await once(line, () => call(training.finetune, line, wanted).catch(orDiverged)); // kept when it diverges, too
    tried.push({ base, accuracy });
    tracker.advance('classifier');
  }
  const first: RateChoice['tried'][number] = tried[0] ?? { base: learningRate.base };
  const { base } = tried.reduce((best, one) => ((one.accuracy ?? -1) > (best.accuracy ?? -1) ? one : best), first);
  const baseline = await step(training.finetune, `${what} (${labels.images} images)`, { ...input, finetune: at(base) });
  tracker.advance('classifier');
  return { baseline, rates: tried.length > 0 ? { base, tried } : undefined };
}

/** A rate at which the training diverges is no failure of the run but a rate that loses. */
function orDiverged(error: unknown): { accuracy?: number } {
  if (isFailure(error, 'TrainingDiverged')) return {};
  throw error;
}
