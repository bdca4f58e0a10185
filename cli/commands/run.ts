/** `fewlabels run RECIPE` */
import { withoutLines } from '../label-draws.ts';
import { lookAhead } from '../look-ahead.ts';
import { makeFolder } from '../outcome.ts';
import { EXIT, Quit } from '../problem.ts';
import { readPlaced, runId } from '../recipe-file.ts';
import { openSession } from '../session.ts';
import { start } from '../start.ts';
import type { Context } from '../terminal.ts';
import { watchToEnd } from '../watch-to-end.ts';

export type RunOptions = { detach?: boolean; json?: boolean; set?: string[]; out: string };

/** Start the recipe's run, or attach to it, and see it to its end. Nothing starts while the recipe or its images have mistakes. */
export async function run(context: Context, file: string, options: RunOptions): Promise<void> {
  const { terminal } = context;
  const placed = await readPlaced(file, context.variables, options.set);
  const { recipe } = placed;
  const ahead = await lookAhead(placed, context.variables);
  if ('draws' in ahead) for (const line of withoutLines(ahead.draws)) terminal.say(line);
  if (!options.detach) await makeFolder(options.out);
  const id = runId(recipe);
  const interrupted = context.catchInterrupt();
  const session = await openSession(context, { start: true });
  await session.artifacts(); // a store that refuses us is told now, not by the first activity
  const { attached } = await start(session, recipe, id);
  const link = session.link(id);
  terminal.say(`${attached ? 'Re-attached to the running' : 'Started'} ${id}`, ...(link ? [`  ${link}`] : []));
  if (options.detach) {
    terminal.print(options.json ? JSON.stringify({ run: id, state: 'running', ui: link }) : id);
    await session.close();
    return;
  }
  const status = await watchToEnd(context, session, { run: id, interrupted, ...options });
  if (status === EXIT.interrupted) {
    if (options.json) terminal.print(JSON.stringify({ run: id, state: 'running', ui: link }));
    terminal.say('', `The run goes on. To watch it again: ${commandOf(file, options.set)}   To stop it: npx fewlabels cancel ${id}`);
  }
  if (status !== EXIT.done) throw new Quit(status);
}

/** The command that started the run, for a shell: with other settings it would be another run. */
export function commandOf(file: string, sets: string[] = []): string {
  const words = ['npx', 'fewlabels', 'run', file, ...sets.flatMap((set) => ['--set', set])];
  return words.map((word) => (/^[\w./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)).join(' ');
}
