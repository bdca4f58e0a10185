/** What an evaluation counts as the test images pass by: right and wrong answers of each model, and a few examples of both. */
import type { Measures } from '../../contracts/scores.ts';
import { type Agreement, Bootstrap, balancedInterval } from '../measures/bootstrap.ts';
import { type OwnScore, Scorecard } from '../measures/scorecard.ts';

export type TestImage = { id: string; label: number; pixels: Uint8Array };

/** One image and what the models say of it. */
export type Answered = TestImage & { answers: { class: number; probability: number }[] };

/** With what shows beside other models only. */
export type ModelScore = OwnScore & { measures: Measures };

const EXAMPLES = 24;
/** Others are compared with the model of this name. */
const BASELINE = 'baseline';

export class Tally {
  readonly #models: string[];
  readonly #cards: Scorecard[];
  readonly #agreement: Agreement = new Map();
  readonly #right: Answered[] = [];
  readonly #wrong: Answered[] = [];

  /** @param images  that will be counted, at most */
  constructor(models: string[], classes: number, images: number) {
    this.#models = models;
    this.#cards = models.map(() => new Scorecard(classes, images));
  }

  get images(): number {
    return this.#cards.at(-1)?.images ?? 0;
  }

  /** Mean −ln of the probability that the last model gave the true class. */
  get loss(): number {
    return this.#cards.at(-1)?.loss ?? 0;
  }

  /**
   * Right or wrong as an example goes by the last model, the student.
   * @param probabilities  of each model, [C]
   */
  count(image: TestImage, probabilities: ArrayLike<number>[]): void {
    const called = this.#cards.map((card, model) => card.count(image.label, probabilities[model]!));
    const right = called.reduce((bits, answer, model) => bits | (Number(answer === image.label) << model), 0);
    this.#agreement.set(right, (this.#agreement.get(right) ?? 0) + 1);
    const pile = called.at(-1) === image.label ? this.#right : this.#wrong;
    if (pile.length === EXAMPLES) return;
    const answers = called.map((answer, model) => ({ class: answer, probability: probabilities[model]![answer]! }));
    pile.push({ ...image, pixels: image.pixels.slice(), answers });
  }

  /** Of every model, by name. @param seed  of the resampling behind the intervals */
  scores(seed: number, { graded = false } = {}): Record<string, ModelScore> {
    const bootstrap = new Bootstrap(this.#agreement, this.#cards.length, seed);
    const scores = this.#cards.map((card) => card.score({ graded }));
    const baseline = this.#models.indexOf(BASELINE);
    const gain = (model: number) => ({
      accuracy: scores[model]!.accuracy - scores[baseline]!.accuracy,
      interval: bootstrap.difference(model, baseline),
    });
    return Object.fromEntries(
      scores.map((score, model) => {
        const compared = baseline >= 0 && model !== baseline ? { gain: gain(model) } : {};
        const intervals = { interval: bootstrap.accuracy(model), balancedInterval: balancedInterval(score.confusion, seed) };
        return [this.#models[model], { ...score, measures: { ...intervals, ...compared, ...score.measures } }];
      }),
    );
  }

  /** Up to 24 images, half of them wrong where there are so many; the wrong ones first. */
  examples(): Answered[] {
    const wrong = Math.min(this.#wrong.length, Math.max(EXAMPLES / 2, EXAMPLES - this.#right.length));
    return [...this.#wrong.slice(0, wrong), ...this.#right.slice(0, EXAMPLES - wrong)];
  }
}
