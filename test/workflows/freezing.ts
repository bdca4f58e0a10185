/** A trainer stopped in the midst of its work, to be killed there. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Beat } from '../../contracts/progress.ts';
import type { Workers } from './workers.ts';

/** The latest heartbeat of a running pretraining. */
async function beatOfPretraining(by: Workers, id: string): Promise<Beat | undefined> {
  const { raw } = await by.client.workflow.getHandle(id).describe();
  const payloads = (raw.pendingActivities ?? []).flatMap(({ heartbeatDetails }) => heartbeatDetails?.payloads ?? []);
  const beats = payloads.filter(({ data }) => data?.length).map(({ data }) => JSON.parse(Buffer.from(data ?? []).toString()) as Beat);
  return beats.find(({ stage }) => stage === 'representation');
}

/** Wait for `step` of a segment of pretraining and stop its trainer there, so that it cannot end before it is killed. */
export async function freezeTrainer(by: Workers, id: string, step: number): Promise<{ trainer: number; at: number }> {
  for (;;) {
    const beat = await beatOfPretraining(by, id);
    const [trainer] = await by.trainers();
    if (beat && beat.done >= step && trainer !== undefined) {
      process.kill(trainer, 'SIGSTOP');
      if (await beatOfPretraining(by, id)) return { trainer, at: beat.done };
      process.kill(trainer, 'SIGCONT');
    }
    await sleep(100);
  }
}

/** Whether a process is there. */
export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
