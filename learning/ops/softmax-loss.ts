/** Softmax cross-entropy of each row, by the fused kernels that return value and gradient at once, safe for large logits. */
import { type Tensor, tf } from '../tensorflow.ts';
import { nativeOp, withGradient } from './native.ts';

/**
 * −log softmax(logits)[label], row by row.
 * @param logits  float32 [B, C]
 * @param labels  int32 [B], each in 0..C−1
 * @returns       float32 [B]
 */
export function softmaxLoss(logits: Tensor, labels: Tensor): Tensor {
  return rowLoss('SparseSoftmaxCrossEntropyWithLogits', { T: 'float', Tlabels: 'int32' }, logits, labels);
}

/**
 * −Σ_c p_c log softmax(logits)_c, row by row; p gets no gradient.
 * @param logits         float32 [B, C]
 * @param probabilities  float32 [B, C], rows of sum 1
 * @returns              float32 [B]
 */
export function softmaxLossOf(logits: Tensor, probabilities: Tensor): Tensor {
  return rowLoss('SoftmaxCrossEntropyWithLogits', { T: 'float' }, logits, probabilities);
}

function rowLoss(op: string, types: Record<string, 'float' | 'int32'>, logits: Tensor, target: Tensor): Tensor {
  return withGradient(
    [logits],
    () => {
      const [value, slope] = nativeOp(op, { types }, [logits, target], 2);
      return { value: value!, saved: [slope!] };
    },
    (dy, [slope]) => [tf.mul(slope!, tf.expandDims(dy, 1))],
  );
}

/** Sum of a vector [B] → scalar, with a gradient that is one tile instead of ones made on the host. */
export function sumOf(rows: Tensor): Tensor {
  return withGradient(
    [rows],
    () => ({ value: tf.sum(rows), saved: [] }),
    (dy) => [tf.tile(tf.reshape(dy, [1]), [rows.size])],
  );
}

/** Mean of a vector [B] → scalar. */
export const meanOf = (rows: Tensor): Tensor => tf.div(sumOf(rows), rows.size);
