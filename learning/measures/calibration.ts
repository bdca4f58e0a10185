/** Whether probabilities are honest: of the answers given with 80 %, are 80 % right? */

const BINS = 15;

/**
 * Expected calibration error (Guo et al. 2017, eq. 3), 15 bins of equal width, each without its lower end:
 *   ECE = Σ_b n_b/n · |accuracy of b − mean confidence of b|
 * The confidence of an answer is the probability of the class it names.
 */
export class Calibration {
  readonly #images = new Float64Array(BINS);
  readonly #confidence = new Float64Array(BINS);
  readonly #right = new Float64Array(BINS);

  /** @param confidence  0 to 1 */
  count(confidence: number, isRight: boolean): void {
    const bin = Math.min(BINS, Math.max(1, Math.ceil(confidence * BINS))) - 1;
    this.#images[bin]! += 1;
    this.#confidence[bin]! += confidence;
    this.#right[bin]! += Number(isRight);
  }

  /** Mean confidence; 0 before anything is counted. */
  confidence(): number {
    return sum(this.#confidence) / Math.max(1, sum(this.#images));
  }

  /** 0 to 1; 0 before anything is counted. */
  error(): number {
    return sum(this.#right.map((right, bin) => Math.abs(right - this.#confidence[bin]!))) / Math.max(1, sum(this.#images));
  }
}

const sum = (values: Float64Array): number => values.reduce((total, value) => total + value, 0);
