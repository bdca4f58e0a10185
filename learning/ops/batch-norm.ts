/** Batch normalisation by TensorFlow's fused kernels, forward and back. tfjs builds the gradient of some fifty ops. */
import { type Tensor, tf } from '../tensorflow.ts';
import { hand, keep, nativeOp, withGradient } from './native.ts';

export const EPSILON = 1e-5;

const attributes = (training: boolean) => ({
  types: { T: 'float', U: 'float' } as const,
  floats: { epsilon: EPSILON },
  flags: { is_training: training },
  texts: { data_format: 'NHWC' },
});

type Normalised = { y: Tensor; mean: Tensor; variance: Tensor };

/**
 * Normalise each channel over the batch: y = γ·(x − mean)/√(variance + 1e-5) + β.
 * @param x  float32 [B, H, W, C]
 * @param gamma, beta  float32 [C]
 * @returns y [B, H, W, C], and the mean [C] and *biased* variance [C] of this batch (TensorFlow's own output is the unbiased one)
 */
export function batchNormTraining(x: Tensor, gamma: Tensor, beta: Tensor): Normalised {
  const statistics: Tensor[] = [];
  const y = withGradient(
    [x, gamma, beta],
    () => {
      const none = tf.tensor1d([]);
      const [value, mean, variance, reserve1, reserve2, reserve3] = nativeOp(
        'FusedBatchNormV3',
        attributes(true),
        [x, gamma, beta, none, none],
        6,
      );
      statistics.push(keep(mean!), keep(variance!));
      return { value: value!, saved: [x, gamma, reserve1!, reserve2!, reserve3!] };
    },
    normGradient(true),
  );
  const [mean, unbiased] = statistics.map(hand);
  const count = x.size / gamma.size;
  return { y, mean: mean!, variance: tf.mul(unbiased!, (count - 1) / count) };
}

/**
 * Normalise by stored statistics; differentiable in x, γ and β.
 * @param mean, variance  float32 [C]
 * @returns float32 [B, H, W, C]
 */
export function batchNormStored(x: Tensor, gamma: Tensor, beta: Tensor, mean: Tensor, variance: Tensor): Tensor {
  return withGradient(
    [x, gamma, beta],
    () => {
      const [value, , , , , reserve3] = nativeOp('FusedBatchNormV3', attributes(false), [x, gamma, beta, mean, variance], 6);
      return { value: value!, saved: [x, gamma, mean, variance, reserve3!] };
    },
    normGradient(false),
  );
}

const normGradient =
  (training: boolean) =>
  (dy: Tensor, saved: Tensor[]): Tensor[] =>
    nativeOp('FusedBatchNormGradV3', attributes(training), [dy, ...saved], 5).slice(0, 3);
