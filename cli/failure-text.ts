/** Why a run failed, in its own words: the innermost failure, not the layers around it. */

import { WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure, CancelledFailure, TerminatedFailure, TimeoutFailure } from '@temporalio/common';

export type RunFailure = { state: 'failed' | 'cancelled'; kind?: string; message: string };

/** What `handle.result()` threw, as one message. */
export function failureOf(error: unknown): RunFailure {
  const chain = causes(error instanceof WorkflowFailedError ? error.cause : error);
  if (chain.some((cause) => cause instanceof CancelledFailure)) return { state: 'cancelled', message: 'The run was cancelled' };
  const application = chain.findLast((cause) => cause instanceof ApplicationFailure);
  if (application instanceof ApplicationFailure)
    return { state: 'failed', kind: application.type ?? undefined, message: application.message };
  if (chain.some((cause) => cause instanceof TerminatedFailure)) return { state: 'failed', message: 'The run was terminated from outside' };
  const timeout = chain.findLast((cause) => cause instanceof TimeoutFailure);
  const last = timeout ?? chain.at(-1);
  return { state: 'failed', message: last?.message ?? String(error) };
}

function causes(error: unknown): Error[] {
  const chain: Error[] = [];
  for (let cause = error; cause instanceof Error && chain.length < 20; cause = cause.cause) chain.push(cause);
  return chain;
}
