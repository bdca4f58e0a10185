/**
 * 95 % intervals of accuracies and of their differences: Efron's percentile bootstrap over the test images, paired, so that what is
 * hard for all models does not blur which one is better. All that matters of an image is which models got it right; a resample of n
 * images with replacement is then one multinomial draw of how many there are of each kind. That is exact, and needs no image kept.
 */
import type { Interval } from '../../contracts/scores.ts';
import { type Random, randomStream } from '../random.ts';
import { binomial } from './binomial.ts';

const RESAMPLES = 2000;
const [LOWER, UPPER] = [0.025, 0.975];

/** Images by which models got them right: bit m of the key is set for those that model m did. */
export type Agreement = Map<number, number>;

export class Bootstrap {
  /** Accuracy of each model in each resample, [models][RESAMPLES]. */
  readonly #accuracies: Float64Array[];

  /** @param models  how many; at most 31 */
  constructor(agreement: Agreement, models: number, seed: number) {
    this.#accuracies = Array.from({ length: models }, () => new Float64Array(RESAMPLES));
    const kinds = [...agreement].sort(([a], [b]) => a - b);
    const images = kinds.reduce((sum, [, count]) => sum + count, 0);
    for (let resample = 0; resample < RESAMPLES && images > 0; resample++) {
      const drawn = multinomial(randomStream(seed, 'bootstrap', resample), kinds, images);
      for (const [i, [right]] of kinds.entries())
        for (const [model, accuracies] of this.#accuracies.entries()) if ((right >> model) & 1) accuracies[resample]! += drawn[i]! / images;
    }
  }

  /** Of a model's accuracy. */
  accuracy(model: number): Interval {
    return interval(this.#accuracies[model]!);
  }

  /** Of a model's accuracy minus another's. */
  difference(model: number, other: number): Interval {
    return interval(this.#accuracies[model]!.map((accuracy, resample) => accuracy - this.#accuracies[other]![resample]!));
  }
}

/**
 * Of one model's balanced accuracy, by the same resampling: how many images of each class come, and how many of them are right. Classes that
 * do not come in a resample do not count in it.
 * @param confusion  `confusion[t][p]`: images of class t that the model called p
 * @returns          nothing when no image was counted
 */
export function balancedInterval(confusion: number[][], seed: number): Interval | undefined {
  const classes = confusion
    .map((row, label): [label: number, images: number] => [label, row.reduce((sum, count) => sum + count, 0)])
    .filter(([, images]) => images > 0);
  const images = classes.reduce((sum, [, count]) => sum + count, 0);
  if (images === 0) return undefined;
  const recalls = Float64Array.from({ length: RESAMPLES }, (_, resample) => {
    const random = randomStream(seed, 'balanced bootstrap', resample);
    const drawn = multinomial(random, classes, images);
    const found = classes.map(([label, count], i) => binomial(random, drawn[i]!, confusion[label]![label]! / count) / drawn[i]!);
    const known = found.filter((recall) => !Number.isNaN(recall)); // 0 of 0
    return known.reduce((sum, recall) => sum + recall, 0) / known.length;
  });
  return interval(recalls);
}

/** As many draws as there are images, with replacement; how many of each kind come. */
function multinomial(random: Random, kinds: [number, number][], images: number): number[] {
  let [draws, left] = [images, images];
  return kinds.map(([, count]) => {
    const drawn = binomial(random, draws, count / left);
    draws -= drawn;
    left -= count;
    return drawn;
  });
}

function interval(values: Float64Array): Interval {
  const sorted = values.slice().sort();
  return [quantile(sorted, LOWER), quantile(sorted, UPPER)];
}

/** Between two neighbours the value is on the line between them, as `numpy.percentile` has it. */
function quantile(sorted: Float64Array, q: number): number {
  const place = q * (sorted.length - 1);
  const below = Math.floor(place);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below]! + (place - below) * (sorted[above]! - sorted[below]!);
}
