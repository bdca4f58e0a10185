/** All that is counted of one model while the test images pass by. */
import type { Interval, Measures } from '../../contracts/scores.ts';
import { Calibration } from './calibration.ts';
import { balancedAccuracy, type ClassMeasures, classMeasures, quadraticKappa } from './confusion.ts';
import { macroArea, type Ranking, ranking } from './roc.ts';

/** `auc`: the class against the rest. */
export type ClassScore = ClassMeasures & { class: number; correct: number; images: number; auc?: number };

/** What one model has for itself. */
export type OwnScore = {
  accuracy: number;
  correct: number;
  images: number;
  perClass: ClassScore[];
  /** `confusion[t][p]`: images of class t that the model called p. */
  confusion: number[][];
  measures: Omit<Measures, 'interval' | 'balancedInterval' | 'gain'>;
};

const FIRST = 5;
/** A probability of the truth below this counts as this. */
const LEAST = 1e-12;

/** Memory: the scores of `roc.ts`, and C² counts. */
export class Scorecard {
  readonly #confusion: number[][];
  readonly #rankings: Ranking[];
  readonly #calibration = new Calibration();
  #amongFirst = 0;
  #loss = 0;
  images = 0;

  /** @param images  that will be counted, at most */
  constructor(classes: number, images: number) {
    this.#confusion = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
    this.#rankings = Array.from({ length: classes }, () => ranking(images, classes));
  }

  /**
   * One more image.
   * @param probabilities  [C]
   * @returns the class the model names; of equal probabilities the first
   */
  count(label: number, probabilities: ArrayLike<number>): number {
    const truth = probabilities[label]!;
    let [called, before] = [0, 0];
    for (const [c, ranking] of this.#rankings.entries()) {
      const score = probabilities[c]!;
      if (score > probabilities[called]!) called = c;
      if (score > truth || (score === truth && c < label)) before++;
      ranking.count(score, c === label);
    }
    this.images++;
    this.#confusion[label]![called]! += 1;
    this.#calibration.count(probabilities[called]!, called === label);
    this.#amongFirst += Number(before < FIRST);
    this.#loss -= Math.log(Math.max(truth, LEAST));
    return called;
  }

  /** Mean −ln of the probability given to the truth; 0 before anything is counted. */
  get loss(): number {
    return this.#loss / Math.max(1, this.images);
  }

  /** @param graded  whether the classes are grades in order, so that kappa means something */
  score({ graded = false } = {}): OwnScore {
    const [confusion, images] = [this.#confusion, this.images];
    const areas = this.#rankings.map((ranking) => ranking.area());
    const perClass = classMeasures(confusion).map((measures, c) => ({
      class: c,
      correct: confusion[c]![c]!,
      images: confusion[c]!.reduce((sum, count) => sum + count, 0),
      ...measures,
      auc: areas[c]?.area,
    }));
    const correct = perClass.reduce((sum, row) => sum + row.correct, 0);
    const macro = macroArea(areas);
    const measures = {
      top5: confusion.length > FIRST && images > 0 ? this.#amongFirst / images : undefined,
      balancedAccuracy: balancedAccuracy(confusion),
      auc: macro?.area,
      aucInterval: macro?.deviation ? around(macro.area, 1.96 * macro.deviation) : undefined,
      aucWithin: macro?.within || undefined,
      kappa: graded ? quadraticKappa(confusion) : undefined,
      confidence: this.#calibration.confidence(),
      calibrationError: this.#calibration.error(),
      loss: this.loss,
    };
    return { accuracy: images ? correct / images : 0, correct, images, perClass, confusion, measures };
  }
}

const around = (share: number, reach: number): Interval => [Math.max(0, share - reach), Math.min(1, share + reach)];
