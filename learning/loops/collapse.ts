/**
 * Collapse: pretraining that does not learn to tell images apart. It is told from the curve alone, so that a training that was resumed
 * says what one that never stopped does.
 */
import type { CurvePoint } from '../../contracts/progress.ts';
import type { TrainingPlan } from '../plan.ts';

/** Nats below the loss of equal embeddings that are worth the name of learning. */
const DISTANCE = 0.02;
/** Share of 1/√D, the deviation of embeddings that point everywhere, below which they are all alike. */
const SPREAD = 0.1;
/** How long it must have been so, warm-up aside: a twentieth of all steps, and so many at least. */
const [SHARE, LEAST_STEPS] = [1 / 20, 100];

/**
 * What is wrong and what to change, in words that stay the same while it stays wrong; undefined while views are told apart. Collapsed is
 * a training that for a twentieth of its steps (100 at least) has embeddings of a deviation below 0.1/√D, or a loss no more than 0.02
 * below ln(2N − 1 + K), which equal embeddings have at any temperature.
 * @param dimensions  D, the width of the embeddings compared
 * @param queue       K, the negatives of the memory
 */
export function collapseOf(
  curve: CurvePoint[],
  { batch, steps, warmupSteps }: Pick<TrainingPlan, 'batch' | 'steps' | 'warmupSteps'>,
  { dimensions, queue = 0 }: { dimensions: number; queue?: number },
): string | undefined {
  const from = (curve.at(-1)?.step ?? 0) - Math.max(LEAST_STEPS, steps * SHARE);
  if (from < warmupSteps) return undefined;
  const recent = curve.filter(({ step }) => step > from);
  const [even, chance] = [1 / Math.sqrt(dimensions), Math.log(2 * batch - 1 + queue)];
  if (recent.every(({ deviation = even }) => deviation < SPREAD * even)) {
    const spread = `their deviation stays below ${(SPREAD * even).toPrecision(3)}, and is ${even.toPrecision(3)} where they are spread`;
    return `Pretraining has collapsed: embeddings of all images are alike (${spread}). ${CURE}`;
  }
  if (recent.every(({ loss }) => loss > chance - DISTANCE)) {
    return `Pretraining has collapsed: its loss is no better than that of equal embeddings, ln(2N − 1${queue ? ' + K' : ''}) = ${chance.toFixed(2)}. ${CURE}`;
  }
  return undefined;
}

const CURE = 'Lower pretrain.learningRate.base first; then raise pretrain.temperature, then pretrain.batch';
