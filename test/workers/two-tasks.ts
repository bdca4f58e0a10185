/** A workflow of two tasks for data workers, side by side, for tests of who takes them. Both fail at once: there is no such plan. */
import { ActivityFailure, proxyActivities } from '@temporalio/workflow';
import { FATAL } from '../../contracts/failures.ts';
import { QUEUES } from '../../contracts/queues.ts';
import type { DataActivities } from '../../contracts/stages.ts';

const { shard } = proxyActivities<DataActivities>({
  taskQueue: QUEUES.data,
  startToCloseTimeout: '1 minute',
  retry: { nonRetryableErrorTypes: FATAL },
});

export async function twoTasks(): Promise<(string | undefined)[]> {
  const ended = await Promise.allSettled([0, 1].map((number) => shard({ plan: 'none', shard: number })));
  return ended.map((one) => (one.status === 'rejected' && one.reason instanceof ActivityFailure ? one.reason.cause?.message : undefined));
}
