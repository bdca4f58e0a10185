/** What a run is doing, asked of Temporal; and waiting for its end through restarts of whatever stands between. */

import type { WorkflowExecutionStatusName } from '@temporalio/client';
import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import { type Beat, PROGRESS_QUERY, type RunProgress } from '../contracts/progress.ts';
import { QUEUES } from '../contracts/queues.ts';
import type { Session } from './session.ts';

/** A try that failed and is made again: `pretrain: attempt 2, as TrainerCrashed: …`. */
export type Retry = { activity: string; attempt: number; reason: string };
export type RunState = {
  status: WorkflowExecutionStatusName;
  started: Date;
  closed?: Date;
  progress?: RunProgress;
  beats: Beat[];
  retries: Retry[];
};

const QUERY_TIMEOUT_MS = 3_000;

/** How a run stands now. `progress` is missing while no pipeline worker answers. @throws WorkflowNotFoundError, ServiceError */
export async function lookAt({ client }: Session, run: string, { progress = true } = {}): Promise<RunState> {
  const handle = client.workflow.getHandle(run);
  const description = await client.withDeadline(Date.now() + 10_000, () => handle.describe());
  const query = () => client.withDeadline(Date.now() + QUERY_TIMEOUT_MS, () => handle.query<RunProgress>(PROGRESS_QUERY));
  const pending = description.raw.pendingActivities ?? [];
  return {
    status: description.status.name,
    started: description.startTime,
    closed: description.closeTime,
    progress: progress ? await query().catch(() => undefined) : undefined,
    beats: pending.flatMap(({ heartbeatDetails }) => beatOf(heartbeatDetails?.payloads?.[0])),
    retries: pending.flatMap(({ activityType, attempt, lastFailure }) => {
      if (!lastFailure || !attempt || attempt < 2) return [];
      const kind = lastFailure.applicationFailureInfo?.type;
      const reason = [kind && kind !== 'Error' ? `${kind}: ` : '', (lastFailure.message ?? '').split('\n')[0]].join('');
      return [{ activity: activityType?.name ?? 'activity', attempt, reason }];
    }),
  };
}

function beatOf(payload: Payload | null | undefined): Beat[] {
  if (!payload) return [];
  try {
    const beat = defaultPayloadConverter.fromPayload<Beat | null | undefined>(payload);
    return beat && typeof beat.stage === 'string' ? [beat] : [];
  } catch {
    return []; // a heartbeat of another version; progress is not worth an error
  }
}

/** Queues that nobody serves just now. */
export async function idleQueues({ client }: Session): Promise<string[]> {
  const { namespace } = client.options;
  const answers = await Promise.all(
    Object.values(QUEUES).map(async (name) => {
      const types = name === QUEUES.pipeline ? [1, 2] : [2]; // temporal.api.enums.v1.TaskQueueType: workflow, activity
      const polled = await Promise.all(
        types.map((taskQueueType) => client.workflowService.describeTaskQueue({ namespace, taskQueue: { name }, taskQueueType })),
      );
      return polled.every(({ pollers }) => (pollers?.length ?? 0) > 0) ? [] : [name];
    }),
  );
  return answers.flat();
}
