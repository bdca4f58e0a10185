/** How activities fail, as a workflow sees it. */
import { ActivityFailure, ApplicationFailure, isCancellation } from '@temporalio/workflow';
import type { FailureKind } from '../contracts/failures.ts';

/** Whether an activity failed with that kind. */
export const isFailure = (error: unknown, kind: FailureKind): boolean =>
  error instanceof ActivityFailure && error.cause instanceof ApplicationFailure && error.cause.type === kind;

/** Whether a cancelled activity is over for that: it heard, or it failed in another way, and then Temporal tries it no more. */
export const isStopped = (error: unknown): boolean =>
  isCancellation(error) || (error instanceof ActivityFailure && error.retryState === 'CANCEL_REQUESTED');
