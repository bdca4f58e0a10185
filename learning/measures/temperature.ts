/** One number that makes a classifier's probabilities honest: it changes how sure the answers are, never which class they name. */
import type { Interval } from '../../contracts/scores.ts';

/** Images' worth of trust in the probabilities as they are: it keeps T above 0 when every answer is right. */
const TRUST = 2;
const HOTTEST = 100;
/** Halvings of the range of ln T. */
const HALVINGS = 50;

/** `interval`: 95 %, had other images been kept: from the curvature in ln T, so rough for few images. */
export type Temperature = { value: number; interval: Interval };

/**
 * Temperature scaling (Guo et al. 2017, §4.2): the T at which softmax(z / T) gives the labels the highest likelihood,
 *   minimise  Σ_i −ln p_T(y_i | z_i) + TRUST/n · Σ_i CE(p_1(· | z_i), p_T(· | z_i))
 * Convex in 1/T, so its slope is halved into. The second term is pulled towards T = 1 and fades as images are added.
 * The images must be strange to whatever gave the logits: those it was trained on have been learnt, and make T too low.
 * @param logits  z, [n][C]
 * @param labels  y, [n], 0 to C − 1
 * @returns T, 1/100 to 100; 1 when there are no images
 */
export function fitTemperature(logits: ArrayLike<number>[], labels: ArrayLike<number>): Temperature {
  const believed = logits.map((z) => moments(z, 1).mean);
  const slope = (inverse: number) =>
    logits.reduce((sum, z, i) => {
      const { mean } = moments(z, inverse);
      return sum + mean - z[labels[i]!]! + (TRUST / logits.length) * (mean - believed[i]!);
    }, 0);
  if (logits.length === 0) return { value: 1, interval: [1 / HOTTEST, HOTTEST] };
  let [low, high] = [-Math.log(HOTTEST), Math.log(HOTTEST)];
  for (let halving = 0; halving < HALVINGS; halving++) {
    const middle = (low + high) / 2;
    if (slope(Math.exp(middle)) < 0) low = middle;
    else high = middle;
  }
  const value = Math.exp(-(low + high) / 2);
  const curvature = logits.reduce((sum, z) => sum + moments(z, 1 / value).variance, 0) / value ** 2;
  const reach = Math.min(Math.log(HOTTEST), 1.96 / Math.sqrt(curvature));
  return { value, interval: [value / Math.exp(reach), value * Math.exp(reach)] };
}

/** softmax(z / T), float32 [C]. */
export function atTemperature(logits: ArrayLike<number>, temperature: number): Float32Array {
  const highest = Math.max(...Array.from(logits));
  const weights = Float32Array.from(logits, (z) => Math.exp((z - highest) / temperature));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}

/** Mean and variance of z under softmax(z · inverse). */
function moments(z: ArrayLike<number>, inverse: number): { mean: number; variance: number } {
  let highest = Number.NEGATIVE_INFINITY;
  for (let c = 0; c < z.length; c++) highest = Math.max(highest, z[c]!);
  let [weights, sum, squares] = [0, 0, 0];
  for (let c = 0; c < z.length; c++) {
    const below = z[c]! - highest;
    const weight = Math.exp(below * inverse);
    weights += weight;
    sum += weight * below;
    squares += weight * below ** 2;
  }
  return { mean: highest + sum / weights, variance: Math.max(0, squares / weights - (sum / weights) ** 2) };
}
