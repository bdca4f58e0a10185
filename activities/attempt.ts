/** What every activity attempt shares: heartbeats, cancellation, and failures of a known kind. */
import { CancelledFailure, Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { FAILURES, Failure } from '../contracts/failures.ts';
import type { Beat } from '../contracts/progress.ts';

const BEAT_EVERY_MS = 2_000;

export type Attempt = {
  /** Tell how far the work is; the latest is sent every other second. */
  progress(beat: Beat): void;
  /** Aborted when the run is cancelled, the activity paused or timed out, or the worker shuts down. */
  signal: AbortSignal;
  /** Throws CancelledFailure once the signal is aborted. Call between pieces of work. */
  check(): void;
  /** Which attempt this is, for the record. */
  number: number;
  run: string;
};

/**
 * Run the work of one attempt: a timer carries its latest progress to Temporal, and a Failure becomes an ApplicationFailure of
 * the same type, retryable or not as the table says.
 */
export async function attempt<T>(work: (attempt: Attempt) => Promise<T>): Promise<T> {
  const context = Context.current();
  const signal = context.cancellationSignal;
  let latest: Beat | undefined;
  const timer = setInterval(() => context.heartbeat(latest), BEAT_EVERY_MS);
  context.heartbeat(latest);
  try {
    return await work({
      progress: (beat) => {
        latest = beat;
      },
      signal,
      check: () => {
        if (signal.aborted) throw new CancelledFailure('cancelled');
      },
      number: context.info.attempt,
      run: context.info.workflowExecution?.workflowId ?? '',
    });
  } catch (error) {
    throw signal.aborted && !(error instanceof ApplicationFailure)
      ? new CancelledFailure('cancelled', [], asError(error))
      : asApplicationFailure(error);
  } finally {
    clearInterval(timer);
  }
}

function asApplicationFailure(error: unknown): unknown {
  const failure = findFailure(error);
  if (failure) {
    return ApplicationFailure.create({ type: failure.kind, message: failure.message, nonRetryable: !FAILURES[failure.kind].retryable });
  }
  if (isErrno(error) && error.code === 'ENOSPC') {
    return ApplicationFailure.create({
      type: 'ScratchFull',
      message: `Cannot write to the scratch folder as no space is left: ${error.message}`,
    });
  }
  return error;
}

function findFailure(error: unknown): Failure | undefined {
  if (error instanceof Failure) return error;
  return error instanceof Error && error.cause ? findFailure(error.cause) : undefined;
}

function isErrno(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error;
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
