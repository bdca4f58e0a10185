/**
 * NT-Xent: the two views of an image attract, all other views in the batch repel.
 *   l(i, j) = −log( exp(s_ij / T) / Σ_{k ≠ i} exp(s_ik / T) ), averaged over the 2N ordered positive pairs
 * Chen et al. 2020 (arXiv 2002.05709), eq. 1. google-research/simclr (objective.py) sums two means instead: twice this value.
 */

import { unitRows, withDiagonal } from '../ops/rows.ts';
import { meanOf, softmaxLoss } from '../ops/softmax-loss.ts';
import { type Tensor, tf } from '../tensorflow.ts';

/** Far below any similarity, so that a view is never its own negative; as in objective.py. */
const NEVER = -1e9;

/**
 * @param z            projections, float32 [2N, D]; rows i and i + N are the two views of image i
 * @param temperature  T > 0
 * @returns            scalar, the mean over 2N rows
 */
export function ntXent(z: Tensor, temperature: number): Tensor {
  const views = z.shape[0] ?? 0;
  const unit = unitRows(z); // [2N, D]
  const similarities = tf.div(tf.matMul(unit, unit, false, true), temperature); // [2N, 2N]
  const logits = withDiagonal(similarities, NEVER);
  const partners = Int32Array.from({ length: views }, (_, i) => (i + views / 2) % views);
  return meanOf(softmaxLoss(logits, tf.tensor1d(partners, 'int32')));
}

/**
 * How well the views find each other, as objective.py logs it: first views against all second views.
 * @param z  projections, float32 [2N, D], as for `ntXent`
 * @returns  accuracy: share of first views nearest to their partner; entropy: mean entropy of the softmax, nats; both scalars
 */
export function contrastiveMetrics(z: Tensor, temperature: number): { accuracy: Tensor; entropy: Tensor } {
  const [first, second] = tf.split(unitRows(z), 2); // [N, D] each
  const logits = tf.div(tf.matMul(first!, second!, false, true), temperature); // [N, N]
  const images = first!.shape[0] ?? 0;
  const hits = tf.equal(tf.argMax(logits, 1), tf.range(0, images, 1, 'int32'));
  const probabilities = tf.softmax(logits);
  const entropies = tf.neg(tf.sum(tf.mul(probabilities, tf.log(tf.add(probabilities, 1e-8))), 1));
  return { accuracy: tf.mean(tf.cast(hits, 'float32')), entropy: tf.mean(entropies) };
}
