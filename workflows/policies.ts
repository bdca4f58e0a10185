/** The three kinds of work a run waits for, and how long and how often it does. */
import { ActivityCancellationType, proxyActivities } from '@temporalio/workflow';
import { FATAL } from '../contracts/failures.ts';
import { QUEUES } from '../contracts/queues.ts';
import type { DataActivities, PipelineActivities, TrainingActivities } from '../contracts/stages.ts';

/**
 * A store or a disk that is away for a night is waited for, by every kind of work: tries are not counted, the time is bounded. A failure that
 * repeats itself without being one of these is counted by the activities themselves.
 */
const PATIENCE = {
  scheduleToCloseTimeout: '30 days', // waiting for a worker counts
  heartbeatTimeout: '30 seconds', // everything beats every other second; half a minute of silence is a lost worker
  retry: { initialInterval: '2 seconds', maximumInterval: '1 minute', nonRetryableErrorTypes: FATAL },
} as const;

/** What may be cut off anywhere and is soon done again: a cancelled run does not wait for it. */
const REPEATABLE = { ...PATIENCE, cancellationType: ActivityCancellationType.TRY_CANCEL } as const;

/** Light input and output: listing, sealing, labels, the report. */
export const light = proxyActivities<PipelineActivities>({
  ...REPEATABLE,
  taskQueue: QUEUES.pipeline,
  startToCloseTimeout: '30 minutes', // listing millions of images is the longest of these
});

/** Shards and views: blocks of them, each shard worth a fresh try elsewhere; those of a block that are there are not made again. */
export const data = proxyActivities<DataActivities>({
  ...REPEATABLE,
  taskQueue: QUEUES.data,
  startToCloseTimeout: '1 day',
});

/** Training: hours long, resumed from its last checkpoint. No training goes on behind a cancelled run. */
export const training = proxyActivities<TrainingActivities>({
  ...PATIENCE,
  taskQueue: QUEUES.training,
  startToCloseTimeout: '7 days',
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
});

/** Activities of one fan-out: far from Temporal's limit of 2,000 pending ones, and few enough for a history of many segments. */
export const FAN_OUT = 200;
