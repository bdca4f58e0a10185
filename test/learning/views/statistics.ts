/** Tests of fit for the distributions of draws. Seeds are fixed, so a test that passes always passes. */
import { expect } from 'vitest';

/** √n times the Kolmogorov–Smirnov distance stays below this in 999 of 1,000 samples of the law. */
const KOLMOGOROV = 1.9495;
/** So does chi-square, by degrees of freedom. */
const CHI_SQUARE: Record<number, number> = { 1: 10.828, 23: 49.728 };

/** Expects a sample to follow a continuous law, at the level 0.001. @param cdf  share of the law at or below a value */
export function expectLaw(sample: ArrayLike<number>, cdf: (value: number) => number): void {
  const sorted = Float64Array.from(sample).sort();
  const n = sorted.length;
  const distance = sorted.reduce((most, value, i) => Math.max(most, cdf(value) - i / n, (i + 1) / n - cdf(value)), 0);
  expect(n).toBeGreaterThan(1_000);
  expect(Math.sqrt(n) * distance).toBeLessThan(KOLMOGOROV);
}

export const uniform =
  (least: number, most: number) =>
  (value: number): number =>
    Math.min(1, Math.max(0, (value - least) / (most - least)));

/** Expects counts to follow the shares of a law, at the level 0.001. */
export function expectShares(counts: number[], shares: number[]): void {
  const n = counts.reduce((sum, count) => sum + count, 0);
  const chiSquare = counts.reduce((sum, count, i) => sum + (count - n * shares[i]!) ** 2 / (n * shares[i]!), 0);
  expect(n).toBeGreaterThan(1_000);
  expect(chiSquare).toBeLessThan(CHI_SQUARE[counts.length - 1]!);
}

/** Expects that something happens with that probability. */
export function expectProbability(events: ArrayLike<boolean>, probability: number): void {
  const happened = Array.from(events).filter(Boolean).length;
  expectShares([happened, events.length - happened], [probability, 1 - probability]);
}

/** Expects two things to happen independently of each other, at the level 0.001. */
export function expectIndependent(a: boolean[], b: boolean[]): void {
  const n = a.length;
  const share = (events: boolean[]) => events.filter(Boolean).length / n;
  const both = share(a.map((value, i) => value && b[i]!));
  const [p, q] = [share(a), share(b)];
  expect((n * (both - p * q) ** 2) / (p * (1 - p) * q * (1 - q))).toBeLessThan(CHI_SQUARE[1]!);
}
