/** What every activity attempt shares: heartbeats, cancellation, and failures of a known kind. */
import { setImmediate } from 'node:timers/promises';
import { CancelledFailure, Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { FAILURES, Failure, type FailureKind } from '../contracts/failures.ts';
import type { Beat, Pulse } from '../contracts/progress.ts';
import { type Budget, openBudget } from './budget.ts';

const BEAT_EVERY_MS = 2_000;

export type Attempt = {
  /** Tell how far the work is; the latest is sent every other second. */
  progress(beat: Beat): void;
  /** Aborted when the run is cancelled, the activity paused or timed out, or the worker shuts down. */
  signal: AbortSignal;
  /** Throws CancelledFailure once the signal is aborted. Call between pieces of work. */
  check(): void;
  /** Say something in the worker's log. */
  warn(text: string): void;
  /** Which attempt this is, for the record. */
  number: number;
  run: string;
};

/** Pauses after the first, second, … failure of a kind without progress: a passing trouble has minutes to pass. */
const PAUSES = ['2 seconds', '15 seconds', '1 minute', '5 minutes'] as const;

/**
 * Run the work of one attempt: a timer carries its latest progress to Temporal, and what it throws becomes an ApplicationFailure of a known
 * kind, retryable or not as the table says. What repeats itself without progress ends as RepeatedFailure.
 */
export async function attempt<T>(work: (attempt: Attempt) => Promise<T>): Promise<T> {
  const context = Context.current();
  const { info, cancellationSignal: signal } = context;
  const { budget, isSpent } = openBudget(info.heartbeatDetails as Pulse | undefined);
  let latest: Beat | undefined;
  const beat = (isRunning: boolean) => context.heartbeat({ ...latest, ...budget.carried(isRunning) } satisfies Pulse);
  const timer = setInterval(() => beat(true), BEAT_EVERY_MS);
  beat(true);
  try {
    if (isSpent) throw repeated(info.activityType, 'WorkerLost', 'no heartbeat came any more');
    return await work({
      progress: (beat) => {
        latest = beat;
      },
      signal,
      check: () => {
        if (signal.aborted) throw new CancelledFailure('cancelled');
      },
      warn: (text) => context.log.warn(text),
      number: info.attempt,
      run: info.workflowExecution?.workflowId ?? '',
    });
  } catch (error) {
    if (signal.aborted && !(error instanceof ApplicationFailure)) throw new CancelledFailure('cancelled', [], asError(error));
    throw failureOf(error, info.activityType, budget, latest);
  } finally {
    clearInterval(timer);
    beat(false);
    await setImmediate(); // Core has it then, and sends it before it says how the attempt ended
  }
}

function failureOf(error: unknown, activity: string, budget: Budget, latest: Beat | undefined): ApplicationFailure {
  if (error instanceof ApplicationFailure) return error;
  const { kind, message } = kindOf(error);
  const { retryable } = FAILURES[kind];
  const isFatal = retryable === false || (retryable === 'in progress' && !budget.carried(true).hasStepped && !hasStepped(latest));
  if (!isFatal && budget.isSpentBy(kind, latest?.checkpoint?.step)) return repeated(activity, kind, message);
  const nextRetryDelay = isFatal ? undefined : pauseAfter(budget, kind);
  const failure = ApplicationFailure.create({ type: kind, message, nonRetryable: isFatal, nextRetryDelay });
  if (kind === 'Unexpected') failure.stack = asError(error).stack;
  return failure;
}

/** A checkpoint proves it, too: that of a segment before, or of another try. */
const hasStepped = (beat: Beat | undefined) => beat !== undefined && (beat.done > 0 || beat.checkpoint !== undefined);

/** Only what is counted has a pause of its own; for the rest Temporal's grow by themselves. */
function pauseAfter(budget: Budget, kind: FailureKind): (typeof PAUSES)[number] | undefined {
  if (FAILURES[kind].limit === undefined) return undefined;
  const count = budget.carried(true).failures?.counts[kind] ?? 1;
  return PAUSES[Math.min(count, PAUSES.length) - 1];
}

function repeated(activity: string, kind: FailureKind, message: string): ApplicationFailure {
  const rule = `a failure must not come ${FAILURES[kind].limit} times without progress`;
  return ApplicationFailure.nonRetryable(`Cannot go on with ${activity} as ${rule}: ${kind}: ${message}`, 'RepeatedFailure');
}

/** What a person is told, and under which kind. */
function kindOf(error: unknown): { kind: FailureKind; message: string } {
  const failure = findFailure(error);
  if (failure) return failure;
  if (isErrno(error) && error.code === 'ENOSPC') {
    return { kind: 'ScratchFull', message: `Cannot write to the scratch folder as no space is left: ${error.message}` };
  }
  return { kind: 'Unexpected', message: asError(error).message };
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
