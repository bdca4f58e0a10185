/** The few numbers that sum up repeated measurements. */

export type Summary = { median: number; min: number; max: number; quartiles: [lower: number, upper: number]; count: number };

/** @throws Error when there is nothing to sum up */
export function summaryOf(values: number[]): Summary {
  if (values.length === 0) throw new Error('Cannot sum up measurements as there must be one at least: there is none');
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => quantile(sorted, share);
  return { median: at(0.5), min: at(0), max: at(1), quartiles: [at(0.25), at(0.75)], count: sorted.length };
}

/** Value below which that share of them lies, with linear interpolation between neighbours. */
function quantile(sorted: number[], share: number): number {
  const position = share * (sorted.length - 1);
  const below = Math.floor(position);
  const low = sorted[below] ?? Number.NaN;
  const high = sorted[Math.min(below + 1, sorted.length - 1)] ?? low;
  return low + (high - low) * (position - below);
}
