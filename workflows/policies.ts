/** The three kinds of work a run waits for, and how long and how often it does. */
import { ActivityCancellationType, proxyActivities } from '@temporalio/workflow';
import { FATAL } from '../contracts/failures.ts';
import { QUEUES } from '../contracts/queues.ts';
import type { DataActivities, PipelineActivities, TrainingActivities } from '../contracts/stages.ts';

/** Light input and output: listing, sealing, labels, the report. */
export const light = proxyActivities<PipelineActivities>({
  taskQueue: QUEUES.pipeline,
  startToCloseTimeout: '30 minutes', // listing millions of images is the longest of these
  heartbeatTimeout: '30 seconds',
  retry: { initialInterval: '1 second', maximumInterval: '1 minute', maximumAttempts: 20, nonRetryableErrorTypes: FATAL },
});

/** Shards and views: many small pieces, each soon done, each worth a fresh try elsewhere. */
export const data = proxyActivities<DataActivities>({
  taskQueue: QUEUES.data,
  startToCloseTimeout: '1 hour',
  heartbeatTimeout: '30 seconds', // a batch of images beats every second or so
  retry: { initialInterval: '1 second', maximumInterval: '1 minute', maximumAttempts: 20, nonRetryableErrorTypes: FATAL },
});

/**
 * Training: hours long, resumed from its last checkpoint. A lost worker or a preemption is no failure of the training, so the
 * number of attempts is not bounded; the time is.
 */
export const training = proxyActivities<TrainingActivities>({
  taskQueue: QUEUES.training,
  startToCloseTimeout: '7 days',
  scheduleToCloseTimeout: '30 days', // waiting for a device counts
  heartbeatTimeout: '30 seconds', // the supervisor beats every other second; half a minute of silence is a lost worker
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED, // no training goes on behind a cancelled run
  retry: { initialInterval: '2 seconds', maximumInterval: '5 minutes', nonRetryableErrorTypes: FATAL },
});

/** Pieces of one fan-out under way at once: far from Temporal's limit of 2,000 pending activities. */
export const FAN_OUT = 200;
