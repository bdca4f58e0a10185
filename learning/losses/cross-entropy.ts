/** Softmax cross-entropy of labels, and the share of right answers. */
import { meanOf, softmaxLoss, softmaxLossOf, sumOf } from '../ops/softmax-loss.ts';
import { type Tensor, tf } from '../tensorflow.ts';

export type CrossEntropyOptions = {
  /** ε, 0 to 1: the target is 1 − ε on the label and ε spread over all classes (Szegedy et al. 2016, arXiv 1512.00567, section 7). */
  smoothing?: number;
  /** Weight of an image by its class, [C]. */
  classWeights?: number[];
};

/**
 * @param logits  float32 [B, C]
 * @param labels  int32 [B], each in 0..C−1
 * @returns       scalar, mean of −log softmax(logits)[label], smoothed and weighted if so wished; the mean of the batch also with
 *                weights, where PyTorch divides by the weights that happen to be in the batch
 */
export function crossEntropy(logits: Tensor, labels: Tensor, { smoothing = 0, classWeights }: CrossEntropyOptions = {}): Tensor {
  const rows = smoothing > 0 ? softmaxLossOf(logits, smoothed(labels, logits.shape[1] ?? 0, smoothing)) : softmaxLoss(logits, labels);
  return meanOf(classWeights ? tf.mul(rows, tf.gather(tf.tensor1d(classWeights), labels as ReturnType<typeof tf.tensor1d>)) : rows);
}

/** 1 − ε + ε/C on the label, ε/C elsewhere: float32 [B, C]. */
function smoothed(labels: Tensor, classes: number, smoothing: number): Tensor {
  const rest = smoothing / classes;
  return tf.oneHot(labels, classes, 1 - smoothing + rest, rest, 'float32');
}

/**
 * Weights that give every class the same say: n / (C·n_c), as scikit-learn's `balanced`; over all images their mean is 1.
 * @param counts  n_c, images of each class; C counts those that have any, the others get 0
 */
export function balancedWeights(counts: number[]): number[] {
  const images = counts.reduce((sum, count) => sum + count, 0);
  const classes = counts.filter((count) => count > 0).length;
  return counts.map((count) => (count > 0 ? images / (classes * count) : 0));
}

/**
 * Cross-entropy over the rows that have a label; 0 when none has.
 * @param labels   int32 [B], −1 for none
 * @param weights  of `labelledShares`: other ones where these rows are a part of a batch
 * @returns        scalar, mean over the labelled rows
 */
export function labelledCrossEntropy(logits: Tensor, labels: Tensor, weights = labelledShares(labels)): Tensor {
  return sumOf(tf.mul(softmaxLoss(logits, tf.maximum(labels, tf.scalar(0, 'int32'))), weights));
}

/** 1 / L for each of the L rows with a label, 0 for the others: float32 [B]. */
export function labelledShares(labels: Tensor): Tensor {
  const labelled = tf.cast(tf.greaterEqual(labels, 0), 'float32'); // [B]
  return tf.div(labelled, tf.maximum(tf.sum(labelled), 1));
}

/** Share of rows whose largest logit is the label's: scalar. */
export function accuracyOf(logits: Tensor, labels: Tensor): Tensor {
  return tf.mean(tf.cast(tf.equal(tf.argMax(logits, 1), labels), 'float32'));
}
