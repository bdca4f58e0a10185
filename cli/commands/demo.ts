/** `fewlabels demo`: what `npm start` runs. */
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { down, findServices } from '../../infra/local/services.ts';
import { EXIT, Quit } from '../problem.ts';
import { readRecipe, runId } from '../recipe-file.ts';
import { openSession } from '../session.ts';
import { start } from '../start.ts';
import type { Context } from '../terminal.ts';
import { watchToEnd } from '../watch-to-end.ts';
import { addresses } from './up.ts';

const RECIPE = fileURLToPath(new URL('../../recipes/demo.yaml', import.meta.url));

/** Run the demo. With a terminal the servers serve on until Ctrl-C, and servers that this command started go down with it. */
export async function demo(context: Context, { out }: { out: string }): Promise<void> {
  const { terminal, environment } = context;
  const recipe = await readRecipe(RECIPE, context.variables);
  const run = runId(recipe);
  const interrupted = context.catchInterrupt();
  const wereUp = (await findServices(environment)) !== undefined;
  const session = await openSession(context, { start: true });
  await session.artifacts();
  const lines = addresses(session.services);
  await start(session, recipe, run);
  terminal.say(
    'The demo draws its own images, learns from them and ends in a few minutes. To watch it in a browser:',
    `  ${session.link(run) ?? ''}`,
  );
  const status = await watchToEnd(context, session, { run, interrupted, out });
  const isWatched = process.stdin.isTTY === true && process.stdout.isTTY === true;
  if (status === EXIT.done && isWatched) {
    terminal.say(
      '',
      'The servers keep running until Ctrl-C:',
      ...lines.map((line) => `  ${line}`),
      '',
      'Your own images:  npx fewlabels init FOLDER',
    );
    if (!interrupted.aborted) await onceAborted(interrupted);
  }
  if (interrupted.aborted && !wereUp) {
    terminal.say('', 'Stopping the servers; the same command goes on where it was');
    await down(environment);
  }
  if (status !== EXIT.done) throw new Quit(status);
}

/** Keeps the process alive meanwhile: an abort signal alone does not. */
async function onceAborted(signal: AbortSignal): Promise<void> {
  const alive = setInterval(() => undefined, 60_000);
  await once(signal, 'abort').finally(() => clearInterval(alive));
}
