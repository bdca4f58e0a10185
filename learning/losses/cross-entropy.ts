/** Softmax cross-entropy of labels, and the share of right answers. */
import { meanOf, softmaxLoss, sumOf } from '../ops/softmax-loss.ts';
import { type Tensor, tf } from '../tensorflow.ts';

/**
 * @param logits  float32 [B, C]
 * @param labels  int32 [B], each in 0..C−1
 * @returns       scalar, mean of −log softmax(logits)[label]
 */
export function crossEntropy(logits: Tensor, labels: Tensor): Tensor {
  return meanOf(softmaxLoss(logits, labels));
}

/**
 * Cross-entropy over the rows that have a label; 0 when none has.
 * @param labels  int32 [B], −1 for none
 * @returns       scalar, mean over the labelled rows
 */
export function labelledCrossEntropy(logits: Tensor, labels: Tensor): Tensor {
  const labelled = tf.cast(tf.greaterEqual(labels, 0), 'float32'); // [B]
  const weights = tf.div(labelled, tf.maximum(tf.sum(labelled), 1));
  return sumOf(tf.mul(softmaxLoss(logits, tf.maximum(labels, tf.scalar(0, 'int32'))), weights));
}

/** Share of rows whose largest logit is the label's: scalar. */
export function accuracyOf(logits: Tensor, labels: Tensor): Tensor {
  return tf.mean(tf.cast(tf.equal(tf.argMax(logits, 1), labels), 'float32'));
}
