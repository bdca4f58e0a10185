/** One step of distillation: the student learns the teacher's answers, and labels too when the recipe weighs them in. */
import { accuracyOf, labelledCrossEntropy, labelledShares } from '../losses/cross-entropy.ts';
import { distillation } from '../losses/distillation.ts';
import type { Network } from '../networks/network.ts';
import type { Optimizer } from '../optimizers/optimizer.ts';
import { type Tensor, tf } from '../tensorflow.ts';
import { gradientsInParts, partsOf, rowsOf, shareOf } from './parts.ts';
import { imagesOf, nextState, type Step } from './step.ts';

/**
 * pixels [B, H, W, 3], 0 to 255; teacherLogits float32 [B, C], of the same pixels; labels int32 [B], −1 for none;
 * learningRate: float32 scalar.
 */
export type DistillBatch = { pixels: Tensor; teacherLogits: Tensor; labels: Tensor; learningRate: Tensor };
/** accuracy: how often student and teacher agree. */
export type DistillMetrics = { loss: Tensor; accuracy: Tensor };

/**
 *   L = (1 − a)·L_distillation + a·L_labelled,  a = `labelled`  (SimCLRv2, arXiv 2006.10029, eq. 3)
 * The labelled term is the mean over the rows of the batch that have a label.
 * @param accumulate  parts of a batch, one after the other; `parts.ts` says what is the same then
 */
export function distillStep(
  network: Network,
  optimizer: Optimizer,
  { temperature, labelled, accumulate = 1 }: { temperature: number; labelled: number; accumulate?: number },
): Step<DistillBatch, DistillMetrics> {
  return (state, { pixels, teacherLogits, labels, learningRate }) => {
    const images = imagesOf(pixels);
    const shares = labelledShares(labels);
    const parts = partsOf(labels.size, accumulate);
    const { loss, extra, gradients } = gradientsInParts(network.parameters, state, images, parts, (values, own, part) => {
      const { output, statistics } = network.apply(values, own, { training: true });
      const imitation = shareOf(distillation(output, rowsOf(teacherLogits, part), temperature), part);
      if (labelled === 0) return { loss: imitation, extra: { output, statistics } };
      const known = labelledCrossEntropy(output, rowsOf(labels, part), rowsOf(shares, part));
      return { loss: tf.add(tf.mul(imitation, 1 - labelled), tf.mul(known, labelled)), extra: { output, statistics } };
    });
    return {
      state: nextState(state, optimizer, gradients, extra.statistics, learningRate),
      metrics: { loss, accuracy: accuracyOf(extra.output, tf.argMax(teacherLogits, 1)) },
    };
  };
}
