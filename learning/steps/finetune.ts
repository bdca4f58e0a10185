/** One step of supervised training: fine-tuning of a pretrained network, or the baseline. */
import { accuracyOf, crossEntropy } from '../losses/cross-entropy.ts';
import type { Network } from '../networks/network.ts';
import type { Optimizer } from '../optimizers/optimizer.ts';
import type { Tensor } from '../tensorflow.ts';
import { gradientsOf, imagesOf, nextState, type Step } from './step.ts';

/** pixels [B, H, W, 3], 0 to 255; labels int32 [B], each in 0..C−1; learningRate: float32 scalar. */
export type FinetuneBatch = { pixels: Tensor; labels: Tensor; learningRate: Tensor };
export type FinetuneMetrics = { loss: Tensor; accuracy: Tensor };

/**
 * What batch norm goes by: `batch`, as SimCLR fine-tunes, or `stored`, the statistics of pretraining, which stay as they are. The
 * second is for batches too small to have statistics.
 */
export type Normalisation = 'batch' | 'stored';

/** Below so many images a batch has no statistics worth the name. */
const LEAST_BATCH = 16;

/** What a fine-tuning goes by; the baseline has no statistics to start from. */
export const normalisationOf = (batch: number, baseline: boolean): Normalisation => (baseline || batch >= LEAST_BATCH ? 'batch' : 'stored');

/** Everything is trained, kept head layers too (google-research/simclr#109). */
export function finetuneStep(
  network: Network,
  optimizer: Optimizer,
  { normalisation }: { normalisation: Normalisation },
): Step<FinetuneBatch, FinetuneMetrics> {
  return (state, { pixels, labels, learningRate }) => {
    const images = imagesOf(pixels);
    const { loss, extra, gradients } = gradientsOf(network.parameters, state, (values) => {
      const { output, statistics } = network.apply(values, images, { training: normalisation === 'batch' });
      return { loss: crossEntropy(output, labels), extra: { output, statistics } };
    });
    return {
      state: nextState(state, optimizer, gradients, extra.statistics, learningRate),
      metrics: { loss, accuracy: accuracyOf(extra.output, labels) },
    };
  };
}
