/**
 * Area under the ROC curve: how often an image of the class gets a higher score than one of the rest, ties counting half
 * (Hanley and McNeil 1982). It asks for the order of all scores, which is more than memory has for ten million images: up to
 * `EXACT_SCORES` they are kept and the area is exact; above, they are counted in narrow bins, and the area comes with a bound.
 */

/** Scores of one model that are kept, images × classes: 32 MiB of float32. */
export const EXACT_SCORES = 2 ** 23;
/** Bins of equal width in log-odds: 0.012, so 32 KiB a class. */
const BINS = 4096;
/** Log-odds at the ends: a float32 below 1 has at most 16.6; an image of the class below −32 is as wrong as can be. */
const [LOWEST, HIGHEST] = [-32, 17];

/**
 * `within`: the exact area is no further away than this; 0 where it is exact. `deviation`: standard deviation of the area, had other
 * images been drawn (DeLong et al. 1988); undefined for fewer than two images of a side.
 */
export type Area = { area: number; within: number; deviation?: number };

/** The scores of one class. */
export type Ranking = {
  /** @param score  probability of the class, 0 to 1 */
  count(score: number, isOfClass: boolean): void;
  /** Undefined while there are images of the class only, or of the rest only. */
  area(): Area | undefined;
};

/** @param images  that will be counted, at most; at most 2³² − 1 */
export function ranking(images: number, classes: number): Ranking {
  return images * classes <= EXACT_SCORES ? new Kept(images) : new Binned();
}

/**
 * One class against the rest, the mean over the classes (macro, one-vs-rest), without its deviation; of two classes, the area of the
 * second. Classes without an area are left out.
 */
export function macroArea(areas: (Area | undefined)[]): Area | undefined {
  if (areas.length === 2) return areas[1];
  const known = areas.filter((area) => area !== undefined);
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / known.length;
  if (known.length === 0) return undefined;
  return { area: mean(known.map(({ area }) => area)), within: mean(known.map(({ within }) => within)) };
}

/** Scores of the class from the front, of the rest from the back. */
class Kept implements Ranking {
  readonly #scores: Float32Array;
  #ofClass = 0;
  #others = 0;

  constructor(images: number) {
    this.#scores = new Float32Array(images);
  }

  count(score: number, isOfClass: boolean): void {
    if (this.#ofClass + this.#others === this.#scores.length)
      throw new RangeError(`Cannot count a score as there must be at most ${this.#scores.length} images: this is one more`);
    const at = isOfClass ? this.#ofClass++ : this.#scores.length - ++this.#others;
    this.#scores[at] = score;
  }

  area(): Area | undefined {
    const ofClass = this.#scores.subarray(0, this.#ofClass).sort();
    const others = this.#scores.subarray(this.#scores.length - this.#others).sort();
    return areaFrom(placements(ofClass, others), placements(others, ofClass), 0);
  }
}

/** Pairs that share a bin count half; half of them is how wrong that can be. */
class Binned implements Ranking {
  readonly #ofClass = new Uint32Array(BINS);
  readonly #others = new Uint32Array(BINS);

  count(score: number, isOfClass: boolean): void {
    const place = (Math.log(score / (1 - score)) - LOWEST) / (HIGHEST - LOWEST); // −∞ at 0, ∞ at 1
    const bin = Math.min(BINS - 1, Math.max(0, Math.floor(place * BINS)));
    (isOfClass ? this.#ofClass : this.#others)[bin]!++;
  }

  area(): Area | undefined {
    const [ofClass, others] = [binPlacements(this.#ofClass, this.#others), binPlacements(this.#others, this.#ofClass)];
    const tied = this.#ofClass.reduce((sum, count, bin) => sum + count * this.#others[bin]!, 0);
    return areaFrom(ofClass, others, tied / 2 / (ofClass.images * others.images));
  }
}

/** Where the scores of one side stand among the other's: the share of those that are lower, ties counting half. */
type Placements = { images: number; mean: number; variance: number };

function areaFrom(ofClass: Placements, others: Placements, within: number): Area | undefined {
  if (ofClass.images === 0 || others.images === 0) return undefined;
  const deviation = Math.sqrt(ofClass.variance / ofClass.images + others.variance / others.images);
  return { area: ofClass.mean, within, ...(Number.isFinite(deviation) ? { deviation } : {}) };
}

/** Both ascending. */
function placements(scores: Float32Array, among: Float32Array): Placements {
  let [below, upTo, sum, squares] = [0, 0, 0, 0];
  for (const score of scores) {
    while (below < among.length && among[below]! < score) below++;
    while (upTo < among.length && among[upTo]! <= score) upTo++;
    sum += below + upTo;
    squares += (below + upTo) ** 2;
  }
  return moments(scores.length, sum / (2 * among.length), squares / (2 * among.length) ** 2);
}

function binPlacements(counts: Uint32Array, among: Uint32Array): Placements {
  const all = among.reduce((sum, count) => sum + count, 0);
  let [images, below, sum, squares] = [0, 0, 0, 0];
  for (const [bin, count] of counts.entries()) {
    const place = (below + among[bin]! / 2) / all;
    images += count;
    sum += count * place;
    squares += count * place ** 2;
    below += among[bin]!;
  }
  return moments(images, sum, squares);
}

function moments(images: number, sum: number, squares: number): Placements {
  return { images, mean: sum / images, variance: Math.max(0, squares - sum ** 2 / images) / (images - 1) };
}
