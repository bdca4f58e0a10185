/** What a run is doing, asked of Temporal; and waiting for its end through restarts of whatever stands between. */

import type { Client, WorkflowExecutionStatusName } from '@temporalio/client';
import type { Payload } from '@temporalio/common';
import { decodeOptionalFailureToOptionalError, decodeOptionalSinglePayload } from '@temporalio/common/lib/internal-non-workflow/index.js';
import { type Beat, PROGRESS_QUERY, type Pulse, type RunProgress } from '../contracts/progress.ts';
import { QUEUES, WORKFLOW_TYPE } from '../contracts/queues.ts';
import { keyMissingIn } from '../infra/temporal/codec.ts';
import type { Session } from './session.ts';
import { type Work, workOf } from './work-lines.ts';

/** A try that failed and is made again: `pretrain: attempt 2, as TrainerCrashed: …`. */
export type Retry = { activity: string; attempt: number; reason: string };
export type RunState = {
  status: WorkflowExecutionStatusName;
  started: Date;
  closed?: Date;
  progress?: RunProgress;
  /** Why the run stands still although workers serve it, and what to do: their code does not fit its history. */
  stuck?: string;
  beats: Beat[];
  retries: Retry[];
  work: Work[];
};

const QUERY_TIMEOUT_MS = 3_000;
/** A workflow task that failed so often is no accident of a worker. */
const STUCK_ATTEMPTS = 3;

/** Visibility query of all runs that have not ended. */
export const OPEN_RUNS = `WorkflowType = '${WORKFLOW_TYPE}' AND CloseTime IS NULL`;

/** Not ended; `PAUSED` is Temporal's own pause. */
export const isOpen = (status: WorkflowExecutionStatusName): boolean => status === 'RUNNING' || status === 'PAUSED';

/** When a person started the run: a workflow that its run went on as, its history having grown long, carries that along. */
export function startOf({ startTime, memo }: { startTime: Date; memo?: Record<string, unknown> }): Date {
  return typeof memo?.started === 'string' ? new Date(memo.started) : startTime;
}

/**
 * How a run stands now. `progress` is missing while no pipeline worker answers; not asked for, nothing is read that may be encrypted.
 * @throws WorkflowNotFoundError, ServiceError
 * @throws Failure 'KeyMissing' when it is encrypted and we lack the key
 */
export async function lookAt({ client }: Session, run: string, { progress = true } = {}): Promise<RunState> {
  const handle = client.workflow.getHandle(run);
  const description = await client.withDeadline(Date.now() + 10_000, () => handle.describe());
  const query = () => client.withDeadline(Date.now() + QUERY_TIMEOUT_MS, () => handle.query<RunProgress>(PROGRESS_QUERY));
  const pending = progress ? (description.raw.pendingActivities ?? []) : [];
  const pulses = await Promise.all(pending.map(({ heartbeatDetails }) => pulseOf(client, heartbeatDetails?.payloads?.[0])));
  return {
    status: description.status.name,
    started: startOf(description),
    closed: description.closeTime,
    progress: progress ? await query().catch(unlessKeyMissing) : undefined,
    stuck: (description.raw.pendingWorkflowTask?.attempt ?? 0) >= STUCK_ATTEMPTS ? await stuckLine(client, run) : undefined,
    beats: pulses.flatMap((pulse) => (typeof pulse?.stage === 'string' ? [pulse as Beat] : [])),
    work: pending.map(({ activityType, attempt, lastFailure }, i) => {
      const kind = lastFailure?.applicationFailureInfo?.type ?? undefined;
      return workOf(activityType?.name ?? 'activity', attempt ?? 1, kind, pulses[i], new Date());
    }),
    retries: (await Promise.all(pending.map((activity) => retryOf(client, activity)))).flat(),
  };
}

type Pending = { activityType?: { name?: string | null } | null; attempt?: number | null; lastFailure?: ProtoFailure | null };
type ProtoFailure = NonNullable<Parameters<typeof decodeOptionalFailureToOptionalError>[1]>;

async function retryOf(client: Client, { activityType, attempt, lastFailure }: Pending): Promise<Retry[]> {
  if (!lastFailure || !attempt || attempt < 2) return [];
  const kind = lastFailure.applicationFailureInfo?.type;
  const reason = [kind && kind !== 'Error' ? `${kind}: ` : '', await messageOf(client, lastFailure)].join('');
  return [{ activity: activityType?.name ?? 'activity', attempt, reason }];
}

/** Its first line, decrypted. */
async function messageOf({ options: { loadedDataConverter } }: Client, failure: ProtoFailure | null | undefined): Promise<string> {
  const error = await decodeOptionalFailureToOptionalError(loadedDataConverter, failure);
  return error?.message.split('\n')[0] ?? '';
}

function unlessKeyMissing(error: unknown): undefined {
  const missing = keyMissingIn(error);
  if (missing) throw missing;
}

/** Nothing when workflow tasks do not fail but find no worker in time. */
async function stuckLine(client: Client, workflowId: string): Promise<string | undefined> {
  const wanted = { namespace: client.options.namespace, execution: { workflowId }, maximumPageSize: 500 };
  const { history } = await client.workflowService.getWorkflowExecutionHistoryReverse(wanted);
  const ends = (history?.events ?? []).flatMap((event) => {
    const {
      workflowTaskFailedEventAttributes: failed,
      workflowTaskTimedOutEventAttributes: late,
      workflowTaskCompletedEventAttributes: done,
    } = event;
    return failed || late || done ? [{ failed }] : [];
  });
  const failed = ends[0]?.failed;
  if (!failed) return undefined;
  const reason = await messageOf(client, failed.failure);
  if (failed.failure?.applicationFailureInfo?.type === 'KeyMissing')
    return `The run stands still, as a pipeline worker lacks a key (${reason}); start it with that key, and the run goes on`;
  const remedy = `start workers of the version that it began with, or \`npx fewlabels cancel ${workflowId}\` and run its recipe again: what is done is kept`;
  return `The run stands still, as the workers' code does not fit it (${reason}); ${remedy}`;
}

async function pulseOf({ options: { loadedDataConverter } }: Client, payload: Payload | null | undefined): Promise<Pulse | undefined> {
  if (!payload) return undefined;
  try {
    return (await decodeOptionalSinglePayload<Pulse | null>(loadedDataConverter, payload)) ?? undefined;
  } catch (error) {
    return unlessKeyMissing(error); // a heartbeat of another version; progress is not worth an error
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
