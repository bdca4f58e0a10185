/** A workflow of one activity, for tests of its attempts. */
import { ActivityCancellationType, proxyActivities } from '@temporalio/workflow';

const { work } = proxyActivities<{ work(): Promise<unknown> }>({
  startToCloseTimeout: '1 minute',
  heartbeatTimeout: '10 seconds',
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
});

export const tries = (): Promise<unknown> => work();
