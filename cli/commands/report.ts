/** `fewlabels report RUN` */
import { resolve } from 'node:path';
import { keepReport } from '../outcome.ts';
import { findRun, resultOf } from '../run-name.ts';
import { openSession } from '../session.ts';
import type { Context } from '../terminal.ts';

export async function report(context: Context, name: string, { out }: { out: string }): Promise<void> {
  const session = await openSession(context, { start: false });
  const run = await findRun(session, name, context.variables);
  const result = await resultOf(session, run);
  context.terminal.print(await keepReport(session, result, resolve(out, run)));
  await session.close();
}
