/** A model by the name a person gives it: a file, what an earlier `run` left on this disk, or a run's model in the store. */
import { readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fetchModel, STUDENT_FILE, type Taken } from './outcome.ts';
import { BadInput } from './problem.ts';
import { findRun, resultOf } from './run-name.ts';
import { openSession } from './session.ts';
import type { Context } from './terminal.ts';

/** @param out  where students of finished runs lie; a representation is only in the store */
export async function modelBytes(context: Context, what: Taken, model: string, out: string): Promise<Buffer> {
  const files = what === 'student' ? [model, join(model, STUDENT_FILE), resolve(out, model, STUDENT_FILE)] : [];
  for (const file of files) {
    if ((await stat(file).catch(() => undefined))?.isFile()) return readFile(file);
  }
  if (/\.safetensors$/.test(model))
    throw new BadInput(
      what === 'student'
        ? `Cannot read the student as a file must be there: "${model}" is not`
        : `Cannot fetch the ${what} as it must be named by its run: got the file "${model}"`,
    );
  const session = await openSession(context, { start: false });
  const run = await findRun(session, model, context.variables);
  const bytes = await fetchModel(await session.artifacts(), what, await resultOf(session, run));
  await session.close();
  return bytes;
}
