/**
 * Reviews: what the weights are worth between two epochs, on labelled images that they do not learn from. A review changes no weight, draws
 * nothing that a step draws, and stands in the curve, so that a training that was resumed knows what one that never stopped does.
 */
import type { CurvePoint, Review, Reviewed } from '../../contracts/progress.ts';
import type { State } from '../networks/parameters.ts';
import type { TrainingPlan } from '../plan.ts';

export type Reviewer = {
  /** After so many epochs each, and after the last one. */
  everyEpochs: number;
  /**
   * @param weights  of the network and its statistics; the caller's
   * @param alive    to be called now and then
   * @returns        nothing when stopped before the end
   */
  review(weights: State, alive: () => void): Promise<Review | undefined>;
};

/** Whether a review follows this step (1 the first). */
export function isReviewDue({ everyEpochs }: Reviewer, { stepsPerEpoch, steps }: TrainingPlan, step: number): boolean {
  return step > 0 && (step % (everyEpochs * stepsPerEpoch) === 0 || step === steps);
}

/** The newest review of a curve, and after how many epochs it was. */
export function latestReview(curve: CurvePoint[]): Reviewed | undefined {
  const point = curve.findLast(({ review }) => review);
  return point && { epoch: point.epoch, ...point.review };
}
