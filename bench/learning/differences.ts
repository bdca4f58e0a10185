/** Pairs of scores, ours and the peer's on the same labels, and how far their difference can be trusted. */
import type { Interval } from '../../contracts/scores.ts';

/** `deviation`: of the sample (n − 1); missing for one value. */
export type Spread = { mean: number; deviation?: number; count: number };
/** Ours minus theirs. `interval`: 95 %, of the mean; missing for one value. */
export type Difference = Spread & { interval?: Interval };

/** Student's t with 2.5 % above it, for 1, 2, … degrees of freedom; for more than there are the last one, which is too wide then. */
const STUDENT = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131, 2.12, 2.11, 2.101, 2.093, 2.086,
  2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048, 2.045, 2.042,
];

/** @throws Error when there is no value */
export function spreadOf(values: number[]): Spread {
  const count = values.length;
  if (count === 0) throw new Error('Cannot sum up scores as there must be one at least: there is none');
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  if (count === 1) return { mean, count };
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, deviation: Math.sqrt(squares / (count - 1)), count };
}

/**
 * Mean difference with the interval of a t-test.
 * @param differences  independent of one another
 * @throws Error when there is none
 */
export function meanDifferenceOf(differences: number[]): Difference {
  const spread = spreadOf(differences);
  const { mean, deviation, count } = spread;
  if (deviation === undefined) return spread;
  const half = ((STUDENT[count - 2] ?? STUDENT.at(-1) ?? Number.NaN) * deviation) / Math.sqrt(count);
  return { ...spread, interval: [mean - half, mean + half] };
}

/**
 * Mean difference of pairs, with the interval of a paired t-test.
 * @param ours    one score a pair
 * @param theirs  in the same order
 * @throws Error when the lists differ in length or are empty
 */
export function differenceOf(ours: number[], theirs: number[]): Difference {
  if (ours.length !== theirs.length)
    throw new Error(`Cannot pair scores as there must be as many of each side: ${ours.length} and ${theirs.length}`);
  return meanDifferenceOf(ours.map((score, i) => score - (theirs[i] ?? Number.NaN)));
}
