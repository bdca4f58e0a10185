/** `fewlabels pause RUN` and `fewlabels resume RUN` */
import { PAUSE_UPDATE, RESUME_UPDATE } from '../../contracts/progress.ts';
import { BadInput } from '../problem.ts';
import { findRun } from '../run-name.ts';
import { openSession, reasonOf } from '../session.ts';
import type { Context } from '../terminal.ts';
import { isOpen } from '../watch.ts';

const ANSWER_SECONDS = 60;

/** Stop the work of a run until it is resumed, and wait until it has stopped: trainings write a last checkpoint. */
export async function pause(context: Context, name: string): Promise<void> {
  const run = await update(context, name, PAUSE_UPDATE);
  context.terminal.say(`Paused ${run}: no training of it is at work. To go on: npx fewlabels resume ${run}`);
}

/** Take the work of a paused run up again, trainings from their last checkpoint. */
export async function resume(context: Context, name: string): Promise<void> {
  const run = await update(context, name, RESUME_UPDATE);
  context.terminal.say(`Resumed ${run}. To watch it: npx fewlabels status ${run}`);
}

async function update(context: Context, name: string, update: string): Promise<string> {
  const session = await openSession(context, { start: false });
  try {
    const run = await findRun(session, name, context.variables);
    const handle = session.client.workflow.getHandle(run);
    const { status } = await handle.describe();
    if (!isOpen(status.name))
      throw new BadInput(`Cannot ${update} ${run} as only a running run can be: it is ${status.name.toLowerCase()}`);
    const deadline = Date.now() + 1000 * ANSWER_SECONDS;
    await session.client
      .withDeadline(deadline, () => handle.executeUpdate(update))
      .catch((error: Error) => {
        const why = reasonOf(error.cause instanceof Error ? error.cause : error);
        throw new Error(`Cannot ${update} ${run} as a pipeline worker must answer within ${ANSWER_SECONDS} s: ${why}`);
      });
    return run;
  } finally {
    await session.close();
  }
}
