/** What a run does at this moment, as its server tells. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Pulse } from '../../contracts/progress.ts';
import type { World } from './world.ts';

/** An activity that is scheduled or under way; `failure`: how the attempt before ended, `heard`: when it last beat, seconds of the epoch. */
export type Doing = { activity: string; attempt: number; beat: Pulse; heard: number; failure?: string };

export async function doing({ workers }: World, id: string): Promise<Doing[]> {
  const { raw } = await workers.client.workflow.getHandle(id).describe();
  return (raw.pendingActivities ?? []).map(({ activityType, attempt, heartbeatDetails, lastHeartbeatTime, lastFailure }) => {
    const data = heartbeatDetails?.payloads?.[0]?.data;
    const kind = lastFailure?.applicationFailureInfo?.type ?? (lastFailure?.timeoutFailureInfo ? 'timeout' : 'other');
    return {
      activity: activityType?.name ?? '',
      attempt: attempt ?? 1,
      beat: data?.length ? (JSON.parse(Buffer.from(data).toString()) as Pulse) : {},
      heard: Number(lastHeartbeatTime?.seconds ?? 0),
      failure: lastFailure ? `${kind}: ${lastFailure.message}` : undefined,
    };
  });
}

/** What `look` finds at last; an error of it counts as nothing. @param seconds  generous: machines are busy */
export async function until<T>(what: string, look: () => Promise<T | undefined | false>, seconds = 600): Promise<T> {
  const deadline = performance.now() + seconds * 1000;
  for (let problem: unknown; performance.now() < deadline; await sleep(100)) {
    const found = await look().catch((error: unknown) => {
      problem = error;
      return undefined;
    });
    if (found) return found;
    if (performance.now() > deadline) throw new Error(`Cannot go on as ${what} within ${seconds} s: ${String(problem)}`);
  }
  throw new Error(`Cannot go on as ${what} within ${seconds} s`);
}

export const secondsSince = (began: number): number => (performance.now() - began) / 1000;
