/**
 * Weighted k nearest neighbours: the labelled images whose features are most alike vote for their class, as MoCo and lightly measure a
 * representation (Wu et al. 2018, arXiv 1805.01978, eq. 13).
 *   p(c | x) ∝ Σ_i exp(cos(f, f_i) / T) over those of the k nearest that are of class c
 */
import { unitRows } from '../ops/rows.ts';
import { type Tensor, tf } from '../tensorflow.ts';

/** k, or all labelled images where there are fewer. */
const NEIGHBOURS = 200;
/** T */
const TEMPERATURE = 0.1;

/** The labelled images: features of length 1, float32 [N, F], and their classes. */
export type Bank = { unit: Tensor; labels: Int32Array };

/**
 * @param features  of the images asked about, float32 [B, F], of any length
 * @param classes   C; every label of the bank is in 0..C−1
 * @returns         the votes as shares, float32 [B, C]
 */
export function neighbourVotes(features: Tensor, { unit, labels }: Bank, classes: number, neighbours = NEIGHBOURS): Tensor {
  return tf.tidy(() => {
    const k = Math.min(neighbours, labels.length);
    const { values, indices } = tf.topk(tf.matMul(unitRows(features), unit, false, true), k); // [B, k]
    const [cosines, places] = [values.dataSync(), indices.dataSync()];
    const votes = new Float32Array((features.shape[0] ?? 0) * classes);
    for (const [i, cosine] of cosines.entries()) {
      votes[Math.floor(i / k) * classes + labels[places[i]!]!]! += Math.exp((cosine - 1) / TEMPERATURE); // at most 1 each
    }
    const counted = tf.tensor(votes, [votes.length / classes, classes]);
    return tf.div(counted, tf.sum(counted, 1, true));
  });
}
