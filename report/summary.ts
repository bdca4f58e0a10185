/** Scores over label draws: mean and spread per model and fraction, and how figures are written. */
import type { LabelShare } from '../contracts/recipe.ts';
import type { ModelKind, Score, ScoreKind } from '../contracts/scores.ts';

export const MODELS: ModelKind[] = ['baseline', 'classifier', 'student'];
const SCORED: ScoreKind[] = ['knn', 'probe', 'baseline', 'smallBaseline', 'classifier', 'student'];

/** Those of the models and measures that there are scores of, in the order of the tables. */
export const scoredIn = (scores: Score[]): ScoreKind[] => SCORED.filter((kind) => scores.some(({ model }) => model === kind));

/** `sd` is the sample standard deviation over the draws, undefined for a single one. Accuracies are shares in [0, 1]. */
export type Summary = LabelShare & { model: ScoreKind; draws: number; images: number; mean: number; sd?: number };

/** One summary per (share of the labels, model), fewest labels first, models in the order of `scoredIn`. */
export function summarise(scores: Score[]): Summary[] {
  return sharesOf(scores).flatMap((share) =>
    SCORED.flatMap((model) => {
      const group = scores.filter((score) => score.model === model && isShare(score, share));
      if (group.length === 0) return [];
      const accuracies = group.map(({ accuracy }) => accuracy);
      const images = Math.round(mean(group.map(({ images }) => images)));
      return [{ model, ...share, draws: group.length, images, mean: mean(accuracies), sd: deviation(accuracies) }];
    }),
  );
}

/** Which labels there are scores for, fewest images first. */
export function sharesOf(scores: (LabelShare & { images: number })[]): LabelShare[] {
  const distinct = new Map(scores.toSorted((a, b) => a.images - b.images).map((score) => [amountOf(score), shareOf(score)]));
  return [...distinct.values()];
}

/** Whether these are the same labels. */
export const isShare = (a: LabelShare, b: LabelShare): boolean => amountOf(a) === amountOf(b);

/** A run has one kind of share only. */
const amountOf = (share: LabelShare) => ('fraction' in share ? share.fraction : 'perClass' in share ? share.perClass : share.file);

function shareOf(share: LabelShare): LabelShare {
  if ('fraction' in share) return { fraction: share.fraction };
  return 'perClass' in share ? { perClass: share.perClass } : { file: share.file };
}

/** In a table: `5 %`, `25 a class`, `ids.txt`. */
export function shareText(share: LabelShare): string {
  if ('fraction' in share) return percent(share.fraction);
  return 'perClass' in share ? `${count(share.perClass)} a class` : (share.file.split('/').at(-1) ?? '');
}

/** In a sentence: `5 % of the labels`, `25 labels a class`, `the labels of ids.txt`. */
export function labelsText(share: LabelShare): string {
  if ('fraction' in share) return share.fraction === 1 ? 'all labels' : `${percent(share.fraction)} of the labels`;
  return 'perClass' in share
    ? `${count(share.perClass)} ${share.perClass === 1 ? 'label' : 'labels'} a class`
    : `the labels of ${shareText(share)}`;
}

export function mean(values: number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Sample standard deviation (n − 1), undefined for fewer than two values. */
export function deviation(values: number[]): number | undefined {
  if (values.length < 2) return undefined;
  const centre = mean(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (values.length - 1));
}

/** `5 %`, `0.5 %`: a fraction of the labels. */
export function percent(fraction: number): string {
  return `${Number((100 * fraction).toPrecision(3))} %`;
}

/** `71.3 %`: an accuracy. */
export function accuracyText(share: number | undefined): string {
  return Number.isFinite(share) ? `${(100 * Number(share)).toFixed(1)} %` : '–';
}

/** `+1.5`, `−0.7`: a difference of shares in points. */
export function pointsText(difference: number): string {
  const points = (100 * difference).toFixed(1);
  return points.startsWith('-') ? `−${points.slice(1)}` : `+${points}`;
}

/** `71.3 ± 1.2 %`, or `71.3 %` from a single draw. */
export function spreadText({ mean: centre, sd }: Summary): string {
  return sd === undefined ? accuracyText(centre) : `${(100 * centre).toFixed(1)} ± ${(100 * sd).toFixed(1)} %`;
}

/** `12,345` */
export function count(value: number): string {
  return value.toLocaleString('en-US');
}

/** `1 h 4 min`, `3 min 20 s`, `12 s` */
export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${seconds < 10 ? Number(seconds.toFixed(1)) : whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
