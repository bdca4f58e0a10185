/**
 * Supervised contrastive loss: images of one class attract, all others repel.
 *   L_i = −1/|P(i)| Σ_{p ∈ P(i)} log( exp(s_ip / T) / Σ_{a ≠ i} exp(s_ia / T) ),  P(i): the others of the class of i
 * Khosla et al. 2020 (arXiv 2004.11362), eq. 2: L_out, the sum over partners outside of the logarithm. The paper sums over the batch;
 * here it is the mean over the images that have a partner.
 */
import { unitRows, withDiagonal } from '../ops/rows.ts';
import { softmaxLossOf, sumOf } from '../ops/softmax-loss.ts';
import { type Tensor, tf } from '../tensorflow.ts';
import { NEVER } from './nt-xent.ts';

/**
 * @param z            embeddings, float32 [B, F], scaled to length 1 here
 * @param labels       int32 [B]
 * @param temperature  T > 0
 * @returns            scalar, 0 when no two images are of one class
 */
export function supervisedContrastive(z: Tensor, labels: Tensor, temperature: number): Tensor {
  const unit = unitRows(z); // [B, F]
  const logits = withDiagonal(tf.div(tf.matMul(unit, unit, false, true), temperature), NEVER); // [B, B]
  const partners = partnersOf(labels); // [B, B]
  const counts = tf.sum(partners, 1, true); // [B, 1]
  const paired = tf.cast(tf.greater(tf.reshape(counts, [-1]), 0), 'float32'); // [B]
  const rows = softmaxLossOf(logits, tf.div(partners, tf.maximum(counts, 1))); // [B], to be left out where there is no partner
  return tf.div(sumOf(tf.mul(rows, paired)), tf.maximum(tf.sum(paired), 1));
}

/** 1 where two images are of one class and not the same image, else 0: float32 [B, B]. */
function partnersOf(labels: Tensor): Tensor {
  const same = tf.equal(tf.expandDims(labels, 0), tf.expandDims(labels, 1));
  return withDiagonal(tf.cast(same, 'float32'), 0);
}
