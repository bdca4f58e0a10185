/**
 * NT-Xent: the two views of an image attract, all other views in the batch repel.
 *   l(i, j) = −log( exp(s_ij / T) / Σ_{k ≠ i} exp(s_ik / T) ), averaged over the 2N ordered positive pairs
 * Chen et al. 2020 (arXiv 2002.05709), eq. 1. google-research/simclr (objective.py) sums two means instead: twice this value.
 */

import { unitRows, withDiagonal } from '../ops/rows.ts';
import { meanOf, softmaxLoss } from '../ops/softmax-loss.ts';
import { type Tensor, tf } from '../tensorflow.ts';

/** Far below any similarity, so that a view is never its own negative; as in objective.py. */
export const NEVER = -1e9;

/**
 * @param z            projections, float32 [2N, D]; rows i and i + N are the two views of image i
 * @param temperature  T > 0
 * @param queue        further negatives of every view (`learning/memory.ts`), float32 [K, D], rows of length 1, which get no gradient:
 *                     their exp(s_iq / T) join the sum over k
 * @returns            scalar, the mean over 2N rows; ln(2N − 1 + K) where all similarities are equal
 */
export function ntXent(z: Tensor, temperature: number, queue?: Tensor): Tensor {
  const views = z.shape[0] ?? 0;
  const unit = unitRows(z); // [2N, D]
  const similarities = tf.div(tf.matMul(unit, unit, false, true), temperature); // [2N, 2N]
  const own = withDiagonal(similarities, NEVER);
  const logits = queue ? tf.concat([own, similaritiesWith(queue, unit, temperature)], 1) : own; // [2N, 2N + K]
  const partners = Int32Array.from({ length: views }, (_, i) => (i + views / 2) % views);
  return meanOf(softmaxLoss(logits, tf.tensor1d(partners, 'int32')));
}

/** [2N, K]. The queue is divided and not the product: a factor that is state as such would be taken for a weight (compile/bfloat16.ts). */
const similaritiesWith = (queue: Tensor, unit: Tensor, temperature: number) => tf.matMul(unit, tf.div(queue, temperature), false, true);

/**
 * How well the views find each other, as objective.py logs it: first views against all second views; and how far the embeddings
 * spread, which is 0 when all are alike and about 1/√D when they point everywhere (Chen and He 2020, arXiv 2011.10566, section 4.1).
 * @param z  projections, float32 [2N, D], as for `ntXent`
 * @returns  accuracy: share of first views nearest to their partner; entropy: mean entropy of the softmax, nats; deviation: standard
 *           deviation of each dimension of the normalised rows, mean over the dimensions; all scalars
 */
export function contrastiveMetrics(z: Tensor, temperature: number): { accuracy: Tensor; entropy: Tensor; deviation: Tensor } {
  const unit = unitRows(z); // [2N, D]
  const [first, second] = tf.split(unit, 2); // [N, D] each
  const logits = tf.div(tf.matMul(first!, second!, false, true), temperature); // [N, N]
  const images = first!.shape[0] ?? 0;
  const hits = tf.equal(tf.argMax(logits, 1), tf.range(0, images, 1, 'int32'));
  const probabilities = tf.softmax(logits);
  const entropies = tf.neg(tf.sum(tf.mul(probabilities, tf.log(tf.add(probabilities, 1e-8))), 1));
  const deviation = tf.mean(tf.sqrt(tf.moments(unit, 0).variance));
  return { accuracy: tf.mean(tf.cast(hits, 'float32')), entropy: tf.mean(entropies), deviation };
}
