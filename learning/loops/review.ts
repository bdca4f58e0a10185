/**
 * Reviews: what the weights are worth between two epochs, on labelled images that they do not learn from. A review changes no weight, draws
 * nothing that a step draws, and stands in the curve, so that a training that was resumed knows what one that never stopped does.
 */
import type { CurvePoint, Review, Reviewed } from '../../contracts/progress.ts';
import type { ParameterSpec, State } from '../networks/parameters.ts';
import type { TrainingPlan } from '../plan.ts';

export type Reviewer = {
  /** After so many epochs each, and after the last one. */
  everyEpochs: number;
  /**
   * @param weights  of the network and its statistics; the caller's
   * @param alive    to be called now and then, with how many images more were looked at
   * @returns        nothing when stopped before the end
   */
  review(weights: State, alive: (images?: number) => void): Promise<Review | undefined>;
  /** Early stopping: the weights of the best review are the model, and training ends after so many that are no better. */
  patience?: number;
};

/** Whether a review follows this step (1 the first). */
export function isReviewDue({ everyEpochs }: Reviewer, { stepsPerEpoch, steps }: TrainingPlan, step: number): boolean {
  return step > 0 && (step % (everyEpochs * stepsPerEpoch) === 0 || step === steps);
}

/** The newest review of a curve, and after how many epochs it was. */
export function latestReview(curve: CurvePoint[]): Reviewed | undefined {
  return reviewOf(curve.findLast(({ review }) => review));
}

export const reviewOf = (point: CurvePoint | undefined): Reviewed | undefined => point && { epoch: point.epoch, ...point.review };

/** The best point so far: most images held out right; of equals the lower loss; of those the earlier. */
export function bestOf(curve: CurvePoint[]): CurvePoint | undefined {
  return judgedIn(curve).reduce<CurvePoint | undefined>((best, point) => (best && !isBetter(point, best) ? best : point), undefined);
}

/** Whether the last `patience` reviews were no better than one before. */
export function isOver(curve: CurvePoint[], patience: number): boolean {
  const best = bestOf(curve);
  return best !== undefined && judgedIn(curve).filter(({ step }) => step > best.step).length >= patience;
}

const judgedIn = (curve: CurvePoint[]) => curve.filter(({ review }) => review?.heldOut !== undefined);

function isBetter({ review: a = {} }: CurvePoint, { review: b = {} }: CurvePoint): boolean {
  const [right, other] = [a.heldOut ?? 0, b.heldOut ?? 0];
  return right > other || (right === other && (a.heldOutLoss ?? 0) < (b.heldOutLoss ?? 0));
}

const BEST = 'best/';

/** Where a checkpoint keeps the best weights so far: at first those that training begins with. */
export const bestSlots = (parameters: ParameterSpec[]): ParameterSpec[] =>
  parameters.map((spec) => ({ ...spec, name: BEST + spec.name, initial: { kind: 'copy', of: spec } }));

/** Weights under the names of their slots; the tensors are new ones. */
export const intoSlots = (weights: State, parameters: ParameterSpec[]): State =>
  Object.fromEntries(parameters.map(({ name }) => [BEST + name, weights[name]!.clone()]));

/** The weights in their slots, by their own names. */
export const fromSlots = (slots: State): State =>
  Object.fromEntries(Object.entries(slots).map(([name, tensor]) => [name.slice(BEST.length), tensor]));

/** What is a slot and what is not. */
export function apart(state: State): { state: State; best: State } {
  const [slots, rest] = [true, false].map((isSlot) =>
    Object.fromEntries(Object.entries(state).filter(([name]) => name.startsWith(BEST) === isSlot)),
  );
  return { state: rest!, best: slots! };
}
