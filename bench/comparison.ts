/** From what a contest saw to lines of the table: ours against the best of the peers. */
import type { Goal, Row } from './benchmark.ts';
import { type Result, type Results, tidy } from './contest.ts';
import type { Summary } from './statistics.ts';

/** What is compared: a number of each contestant, and how far its measurements lay apart. */
export type Measure<R> = { unit: string; lessIsBetter: boolean; of(result: R): number; spread?(result: R): string };

export const milliseconds: Measure<Result> = {
  unit: 'ms',
  lessIsBetter: true,
  of: ({ median }) => median * 1e3,
  spread: ({ quartiles: [low, high] }) => `${tidy(low * 1e3)}–${tidy(high * 1e3)}`,
};
export const seconds: Measure<Summary> = {
  unit: 's',
  lessIsBetter: true,
  of: ({ median }) => median,
  spread: ({ min, max }) => `${tidy(min)}–${tidy(max)}`,
};
export const memory: Measure<Result> = { unit: 'MiB', lessIsBetter: true, of: ({ peakBytes }) => peakBytes / 2 ** 20 };
export const gpuMemory: Measure<Result> = { unit: 'MiB', lessIsBetter: true, of: ({ gpuBytes }) => gpuBytes / 2 ** 20 };
export const imagesPerSecond = (images: number): Measure<Result> => ({
  unit: 'images/s',
  lessIsBetter: false,
  of: ({ median }) => images / median,
  spread: ({ quartiles: [low, high] }) => `${tidy(images / high)}–${tidy(images / low)}`,
});

/**
 * One line. Of the peers the best is compared with; all else goes to the others.
 * @param ours   names of ours, the one that counts first; all the other results are peers'
 * @throws Error when ours, or every peer, could not run
 */
export function compare<R>(name: string, results: Record<string, R>, ours: string[], measure: Measure<R>, more: Partial<Row> = {}): Row {
  const [counted = ''] = ours;
  const value = (who: string) => measure.of(results[who] as R);
  const spread = (who: string) => measure.spread?.(results[who] as R) ?? '';
  const peers = Object.keys(results).filter((who) => !ours.includes(who));
  const best = peers.toSorted((a, b) => (measure.lessIsBetter ? value(a) - value(b) : value(b) - value(a)))[0];
  if (!results[counted] || best === undefined) {
    throw new Error(`Cannot compare "${name}" as ours and a peer must have run: ${Object.keys(results).join(', ') || 'nobody'} did`);
  }
  const others = Object.keys(results).filter((who) => who !== counted && who !== best);
  return {
    name,
    ours: value(counted),
    peer: value(best),
    peerName: best,
    unit: measure.unit,
    ratio: value(counted) / value(best),
    spread: [spread(counted), spread(best)],
    others: Object.fromEntries(others.map((who) => [who, value(who)])),
    ...more,
  };
}

/** Peak memory, with a note on how much of it the libraries take before anything is built: PyPI's torch comes with CUDA's. */
export function compareMemory(name: string, results: Results, ours: string[], goal?: Goal): Row {
  const row = compare(name, results, ours, memory, { goal });
  const above = (who: string) => tidy(memory.of(results[who] as Result) - (results[who]?.baseBytes ?? 0) / 2 ** 20);
  return {
    ...row,
    note: `above what the libraries hold when loaded: ours ${above(ours[0] ?? '')} MiB, ${row.peerName} ${above(row.peerName)} MiB`,
  };
}

/** @throws Error when one ran elsewhere: with libraries for the CPU a GPU stays unseen without a word */
export function expectDevice(results: Results, wanted: 'CPU' | 'GPU'): void {
  for (const [name, { device }] of Object.entries(results)) {
    if (device !== wanted) throw new Error(`Cannot count "${name}" as it must run on the ${wanted}: it ran on the ${device}`);
  }
}

/** @throws Error when the loss of a contestant never fell: then it did not do the work. At a high rate it may rise again later. */
export function expectLearning(results: Results): void {
  for (const [name, { values }] of Object.entries(results)) {
    const [first = Number.NaN, ...later] = values;
    const least = Math.min(...later);
    if (!(least < first)) throw new Error(`Cannot count "${name}" as its loss must fall: it was ${first} and never below ${least}`);
  }
}
