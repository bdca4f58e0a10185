/** One step of supervised training: fine-tuning of a pretrained network, or the baseline. */
import { accuracyOf, type CrossEntropyOptions, crossEntropy } from '../losses/cross-entropy.ts';
import { supervisedContrastive } from '../losses/supervised-contrastive.ts';
import type { Network } from '../networks/network.ts';
import { isFrozen, type Trained, trainedParameters } from '../networks/trained.ts';
import type { Optimizer } from '../optimizers/optimizer.ts';
import { type Tensor, tf } from '../tensorflow.ts';
import { gradientsInParts, partsOf, rowsOf, shareOf } from './parts.ts';
import { imagesOf, nextState, type Step } from './step.ts';

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

/** What a fine-tuning goes by; the baseline has no statistics to start from. @param batch  images of one part of a batch */
export const normalisationOf = (batch: number, baseline: boolean): Normalisation => (baseline || batch >= LEAST_BATCH ? 'batch' : 'stored');

export type FinetuneSettings = CrossEntropyOptions & {
  normalisation: Normalisation;
  /** What learns; all of it unless it is given. */
  trained?: Trained;
  /** Share of the supervised contrastive loss of the classifier's inputs; the rest is cross-entropy. */
  contrastive?: { weight: number; temperature: number };
  /** Parts of a batch, one after the other; `parts.ts` says what is the same then. The contrastive loss sees its part alone. */
  accumulate?: number;
};

/**
 * Kept head layers are always trained (google-research/simclr#109). What is frozen keeps its bits, weights and statistics.
 *   L = (1 − a)·L_cross-entropy + a·L_contrastive,  a = `contrastive.weight`  (Gunel et al. 2021, arXiv 2011.01403, eq. 1)
 * @param optimizer  of the `trainedParameters` of the network
 */
export function finetuneStep(
  network: Network,
  optimizer: Optimizer,
  { normalisation, trained = 'all', contrastive = { weight: 0, temperature: 1 }, accumulate = 1, ...options }: FinetuneSettings,
): Step<FinetuneBatch, FinetuneMetrics> {
  const parameters = trainedParameters(network, trained);
  const mode = { training: normalisation === 'batch', isFrozen: (name: string) => isFrozen(trained, name) };
  const { weight, temperature } = contrastive;
  const lossOf = (logits: Tensor, embeddings: Tensor, labels: Tensor) => {
    const supervised = crossEntropy(logits, labels, options);
    if (weight === 0) return supervised;
    return tf.add(tf.mul(supervised, 1 - weight), tf.mul(supervisedContrastive(embeddings, labels, temperature), weight));
  };
  return (state, { pixels, labels, learningRate }) => {
    const images = imagesOf(pixels);
    const parts = partsOf(labels.size, accumulate);
    const { loss, extra, gradients } = gradientsInParts(parameters, state, images, parts, (values, own, part) => {
      const { output, embeddings, statistics } = network.apply(values, own, mode);
      return { loss: shareOf(lossOf(output, embeddings, rowsOf(labels, part)), part), extra: { output, statistics } };
    });
    return {
      state: nextState(state, optimizer, gradients, extra.statistics, learningRate),
      metrics: { loss, accuracy: accuracyOf(extra.output, labels) },
    };
  };
}
