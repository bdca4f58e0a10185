/** `fewlabels cancel RUN` */
import { BadInput } from '../problem.ts';
import { findRun } from '../run-name.ts';
import { openSession } from '../session.ts';
import type { Context } from '../terminal.ts';
import { isOpen, lookAt } from '../watch.ts';

/** Ask the run to stop: trainings write a last checkpoint, so that the same recipe later goes on from there. One that cannot hear is ended. */
export async function cancel(context: Context, name: string): Promise<void> {
  const session = await openSession(context, { start: false });
  const run = await findRun(session, name, context.variables);
  const handle = session.client.workflow.getHandle(run);
  const { status, stuck } = await lookAt(session, run, { progress: false });
  if (!isOpen(status)) throw new BadInput(`Cannot cancel ${run} as only a running run can be: it is ${status.toLowerCase()}`);
  if (stuck) await handle.terminate('cancelled; no worker had the code to hear of it');
  else await handle.cancel();
  context.terminal.say(`Asked ${run} to stop. What is done is kept: running the recipe again goes on from there`);
  await session.close();
}
