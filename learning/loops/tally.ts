/** What an evaluation counts as the test images pass by: right and wrong answers, and a few examples of both. */

/** One image and what a model says of it: probabilities [C]. */
export type Answered = { id: string; label: number; pixels: Uint8Array; answers: { class: number; probability: number }[] };

export type ModelScore = {
  accuracy: number;
  correct: number;
  images: number;
  perClass: { class: number; correct: number; images: number }[];
  /** `confusion[t][p]`: images of class t that the model called p. */
  confusion: number[][];
};

const EXAMPLES = 24;

export class Tally {
  /** One matrix for each model, [classes][classes]. */
  readonly #confusion: number[][][];
  readonly #right: Answered[] = [];
  readonly #wrong: Answered[] = [];
  images = 0;
  /** Sum of −ln of the probability that the last model gave the true class. */
  loss = 0;

  constructor(models: number, classes: number) {
    const zeros = () => Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
    this.#confusion = Array.from({ length: models }, zeros);
  }

  /** Right or wrong as an example goes by the last model, the student. */
  count(image: Answered, probabilityOfTruth: number): void {
    this.images++;
    this.loss -= Math.log(Math.max(probabilityOfTruth, 1e-12));
    for (const [model, answer] of image.answers.entries()) this.#confusion[model]![image.label]![answer.class]! += 1;
    const pile = image.answers.at(-1)?.class === image.label ? this.#right : this.#wrong;
    if (pile.length < EXAMPLES) pile.push(image);
  }

  score(model: number): ModelScore {
    const confusion = this.#confusion[model] ?? [];
    const perClass = confusion.map((row, i) => ({ class: i, correct: row[i] ?? 0, images: row.reduce((a, b) => a + b, 0) }));
    const correct = perClass.reduce((sum, row) => sum + row.correct, 0);
    return { accuracy: this.images ? correct / this.images : 0, correct, images: this.images, perClass, confusion };
  }

  /** Up to 24 images, half of them wrong where there are so many; the wrong ones first. */
  examples(): Answered[] {
    const wrong = Math.min(this.#wrong.length, Math.max(EXAMPLES / 2, EXAMPLES - this.#right.length));
    return [...this.#wrong.slice(0, wrong), ...this.#right.slice(0, EXAMPLES - wrong)];
  }
}
