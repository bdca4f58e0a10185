/** Binomial draws: exact, and as quick for ten million trials as for ten. */
import type { Random } from '../random.ts';

/** Expected successes below which counting gaps is quicker, and the rejection's bounds do not hold. */
const FEW = 10;

/**
 * How many of `trials` succeed when each does with the chance `share`.
 * @param trials  0 or more, whole
 * @param share   0 to 1
 */
export function binomial(random: Random, trials: number, share: number): number {
  if (share > 0.5) return trials - binomial(random, trials, 1 - share);
  if (share <= 0) return 0;
  return trials * share < FEW ? fromGaps(random, trials, share) : fromRejection(random, trials, share);
}

/** Gaps between successes are geometric (Devroye 1986, chapter X.4, first waiting time). */
function fromGaps(random: Random, trials: number, share: number): number {
  const scale = Math.log1p(-share);
  let [successes, passed] = [0, 0];
  for (;;) {
    passed += Math.floor(Math.log(1 - random.uniform()) / scale) + 1;
    if (passed > trials) return successes;
    successes++;
  }
}

/** Transformed rejection (Hörmann 1993, algorithm BTRS). */
function fromRejection(random: Random, trials: number, share: number): number {
  const deviation = Math.sqrt(trials * share * (1 - share));
  const b = 1.15 + 2.53 * deviation;
  const a = -0.0873 + 0.0248 * b + 0.01 * share;
  const centre = trials * share + 0.5;
  const alpha = (2.83 + 5.1 / b) * deviation;
  const odds = Math.log(share / (1 - share));
  const logDensity = (k: number) => k * odds - logFactorial(k) - logFactorial(trials - k);
  const highest = logDensity(Math.floor((trials + 1) * share));
  for (;;) {
    const u = random.uniform() - 0.5;
    const v = random.uniform();
    const edge = 0.5 - Math.abs(u);
    const k = Math.floor(((2 * a) / edge + b) * u + centre);
    if (edge >= 0.07 && v <= 0.92 - 4.2 / b) return k; // most draws, without a logarithm
    if (k < 0 || k > trials) continue;
    if (Math.log((v * alpha) / (a / edge ** 2 + b)) <= logDensity(k) - highest) return k;
  }
}

const SMALL = new Float64Array(16);
for (let k = 2; k < SMALL.length; k++) SMALL[k] = SMALL[k - 1]! + Math.log(k);

/** ln k!; Stirling's series from 16 on, wrong by less than 1e-9. */
function logFactorial(k: number): number {
  if (k < SMALL.length) return SMALL[k]!;
  return (k + 0.5) * Math.log(k) - k + Math.log(2 * Math.PI) / 2 + 1 / (12 * k) - 1 / (360 * k ** 3) + 1 / (1260 * k ** 5);
}
