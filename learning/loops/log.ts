/** What a training tells of itself: its curve, its messages, and the last good checkpoint when it goes wrong. */
import { Failure } from '../../contracts/failures.ts';
import type { CurvePoint, Review } from '../../contracts/progress.ts';
import type { TrainerMessage } from '../../contracts/trainer.ts';
import type { TrainingPlan } from '../plan.ts';
import type { Position } from '../state.ts';
import type { Execution } from '../steps/step.ts';
import { type Tensor, tf } from '../tensorflow.ts';
import { latestReview } from './review.ts';

type Told<Type extends TrainerMessage['type']> = Omit<Extract<TrainerMessage, { type: Type }>, 'type'>;

/** What a loop has around it. Inputs are in `<folder>/in`, outputs go to `<folder>/out`. */
export type Surroundings = {
  folder: string;
  /** How steps are carried out; part of what decides the bits. */
  execution: Execution;
  /** Milliseconds of a clock that never goes back. */
  now(): number;
  onProgress(progress: Told<'progress'>): void;
  onCheckpoint(checkpoint: Told<'checkpoint'>): void;
  /** Called now and then while there is nothing to tell, as when a window is read. */
  onAlive(): void;
  /** Once aborted, the loop writes a checkpoint after the step in hand and returns. */
  stop: AbortSignal;
};

/** What every training step measures: scalars. A step that measures more has it in its curve, by its name. */
export type Metrics = { loss: Tensor; accuracy: Tensor };
type Measured = Partial<Pick<CurvePoint, 'loss' | 'accuracy' | 'entropy' | 'deviation'>>;

const CURVE_POINTS = 200;
const TELL_EVERY_MS = 1_000;

/** Where the training stands, and who has been told. Reading a value waits for the device, so it is done for few steps only. */
export class Log implements Position {
  step = 0;
  curve: Position['curve'] = [];
  keptStep = 0;
  /** The newest values that were read. */
  last: Measured = {};
  readonly #plan: TrainingPlan;
  readonly #around: Surroundings;
  readonly #stride: number;
  readonly #warningOf: (curve: CurvePoint[]) => string | undefined;
  #lastGood = 'there is no checkpoint';
  #begun = { step: 0, at: 0 };
  #told = { step: 0, at: -Infinity };
  /** Images that were only looked at since, and how many went through the network a second before. */
  #looked = 0;
  #imagesPerSecond = 0;
  #keptAt: number;

  /** @param warningOf  what a curve so far tells of a training that goes wrong without failing */
  constructor(plan: TrainingPlan, around: Surroundings, warningOf: (curve: CurvePoint[]) => string | undefined = () => undefined) {
    this.#plan = plan;
    this.#around = around;
    this.#warningOf = warningOf;
    this.#stride = Math.ceil(plan.steps / CURVE_POINTS);
    this.#keptAt = around.now();
  }

  resume({ step, curve }: Position): void {
    this.step = step;
    this.keptStep = step;
    this.curve = [...curve];
    const { step: _step, epoch: _epoch, learningRate: _rate, review: _review, ...measured } = curve.at(-1) ?? {};
    this.last = measured as Measured; // where no step is left to take, the result says the same as if it had never stopped
    this.#begun = { step, at: this.#around.now() };
    this.#told = { step, at: -Infinity };
    if (step > 0) this.#lastGood = `the checkpoint of step ${step} was the last good one`;
  }

  /**
   * A step was taken. Its metrics are read when a point of the curve or a message is due, and freed.
   * @param isReviewed  whether a review of its weights follows, which belongs to a point
   */
  note(metrics: Metrics, learningRate: number, isReviewed = false): void {
    this.step++;
    const now = this.#around.now();
    const isLast = this.step === this.#plan.steps;
    const isPoint = isReviewed || this.step === 1 || this.step % this.#stride === 0 || isLast;
    const isNews = now - this.#told.at >= TELL_EVERY_MS || isLast;
    if (isPoint || isNews) this.last = readScalars(metrics);
    tf.dispose(metrics);
    if (!isPoint && !isNews) return;
    const { loss = Number.NaN, accuracy } = this.last;
    if (!Number.isFinite(loss)) throw new Failure('TrainingDiverged', `the loss is ${loss}`);
    if (isPoint) this.curve.push({ step: this.step, epoch: this.step / this.#plan.stepsPerEpoch, ...this.last, loss, learningRate });
    if (isNews) this.#tell(now, loss, accuracy);
  }

  /** Whether the weights after this step were reviewed, or have no point of the curve where that could stand. */
  get isReviewed(): boolean {
    const point = this.curve.at(-1);
    return point?.step !== this.step || point.review !== undefined;
  }

  /** What was found of the weights after this step. */
  reviewed(review: Review): void {
    const point = this.curve.at(-1);
    if (point) this.curve = this.curve.with(-1, { ...point, review });
  }

  /** Still at work between two steps: to be called now and then. @param images  that many more were looked at */
  alive(images = 0): void {
    this.#looked += images;
    const now = this.#around.now();
    const { loss = Number.NaN, accuracy } = this.curve.at(-1) ?? {};
    if (now - this.#told.at >= TELL_EVERY_MS) this.#tell(now, loss, accuracy);
  }

  get warning(): string | undefined {
    return this.#warningOf(this.curve);
  }

  checkpointDue(seconds: number): boolean {
    return this.#around.now() - this.#keptAt >= seconds * 1000;
  }

  /** What a checkpoint of this moment has to say of itself once it is written. The next one is due so many seconds from now. */
  checkpoint(final: boolean): Told<'checkpoint'> {
    this.#keptAt = this.#around.now();
    const file = `checkpoint-${String(this.step).padStart(8, '0')}.safetensors`;
    return { step: this.step, epoch: Math.floor(this.step / this.#plan.stepsPerEpoch), file, curve: [...this.curve], final };
  }

  /** It is written. */
  kept(checkpoint: Told<'checkpoint'>): void {
    this.keptStep = checkpoint.step;
    this.#lastGood = `the checkpoint of step ${checkpoint.step} was the last good one`;
    this.#around.onCheckpoint(checkpoint);
  }

  /** The failure, which says where the last good checkpoint is, and what to lower, when the training diverged. */
  told(error: unknown, rateKey: string): unknown {
    if (!(error instanceof Failure) || error.kind !== 'TrainingDiverged') return error;
    const state = `${error.message} at step ${this.step}`;
    const rule = 'Cannot go on training as loss and weights must be finite';
    return new Failure('TrainingDiverged', `${rule}: ${state}; ${this.#lastGood}. Lower ${rateKey}`);
  }

  #tell(now: number, loss: number, accuracy: number | undefined): void {
    const { batch, steps, stepsPerEpoch, epochs } = this.#plan;
    const since = Number.isFinite(this.#told.at) ? this.#told : this.#begun;
    const passed = (this.step - since.step) * batch + this.#looked;
    if (passed > 0) this.#imagesPerSecond = (passed * 1000) / Math.max(1, now - since.at);
    const secondsAStep = (now - this.#begun.at) / 1000 / Math.max(1, this.step - this.#begun.step);
    const epoch = Math.floor(this.step / stepsPerEpoch);
    const secondsLeft = (steps - this.step) * secondsAStep;
    this.#around.onProgress({
      step: this.step,
      steps,
      epoch,
      epochs,
      loss,
      accuracy,
      images: this.step * batch,
      imagesPerSecond: this.#imagesPerSecond,
      secondsLeft,
      review: latestReview(this.curve),
      warning: this.warning,
    });
    this.#told = { step: this.step, at: now };
    this.#looked = 0;
  }
}

const readScalars = (metrics: Metrics): Measured =>
  Object.fromEntries(Object.entries(metrics).map(([name, scalar]) => [name, scalar.dataSync()[0] ?? Number.NaN]));
