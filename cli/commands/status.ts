/** `fewlabels status [RUN]` */
import { status as localStatus, type Status } from '../../infra/local/services.ts';
import { keyMissingIn } from '../../infra/temporal/codec.ts';
import { duration } from '../../report/summary.ts';
import { failureOf } from '../failure-text.ts';
import { findRun } from '../run-name.ts';
import { openSession, type Session } from '../session.ts';
import { plainLine, stageRows } from '../stage-rows.ts';
import { type Context, columns } from '../terminal.ts';
import { idleQueues, isOpen, lookAt, OPEN_RUNS } from '../watch.ts';
import { workLine } from '../work-lines.ts';
import { lineOf, type RunLine, table } from './list.ts';

export async function status(context: Context, name: string | undefined, options: { json?: boolean }): Promise<void> {
  if (name === undefined) return overview(context, options);
  const session = await openSession(context, { start: false });
  const run = await findRun(session, name, context.variables);
  const state = await lookAt(session, run);
  const failure = isOpen(state.status) || state.status === 'COMPLETED' ? undefined : await failureFor(session, run);
  const rows = state.progress ? stageRows(state.progress, state.beats) : [];
  const seconds = Math.round(((state.closed ?? new Date()).getTime() - state.started.getTime()) / 1000);
  const word = failure?.state ?? (state.status === 'COMPLETED' ? 'done' : state.progress?.paused ? 'paused' : 'running');
  const idle = isOpen(state.status) ? await idleQueues(session) : [];
  const ui = session.link(run);
  await session.close();
  const { terminal } = context;
  if (options.json)
    return terminal.print(
      JSON.stringify({
        run,
        state: word,
        seconds,
        stages: rows,
        retries: state.retries,
        work: state.work,
        error: failure?.message ?? state.stuck,
        setAside: state.progress?.setAside,
        warning: state.progress?.warning,
        notes: state.progress?.notes,
        ui,
      }),
    );
  terminal.print(`${run}: ${word}, ${duration(seconds)}`, ...rows.map(plainLine));
  for (const line of state.work.map(workLine)) if (line) terminal.print(line);
  for (const { activity, attempt, reason } of state.retries) terminal.print(`↻ ${activity}: attempt ${attempt}, as ${reason}`);
  if (state.progress?.warning) terminal.print(`⚠ ${state.progress.warning}`);
  for (const note of state.progress?.notes ?? []) terminal.print(note);
  for (const queue of idle)
    terminal.print(`… nobody serves ${queue}: start a worker with \`npx fewlabels worker ${queue.replace('fewlabels-', '')}\``);
  for (const problem of [state.stuck, failure?.message]) if (problem) terminal.print(`✖ ${problem}`);
  if (word === 'paused') terminal.print(`⏸ \`npx fewlabels resume ${run}\` goes on`);
  if (ui) terminal.print(ui);
}

async function failureFor({ client }: Session, run: string) {
  return client.workflow
    .getHandle(run)
    .result()
    .then(
      () => undefined,
      (error: unknown) => {
        if (keyMissingIn(error)) throw error;
        return failureOf(error);
      },
    );
}

/** The servers, and the runs that are going. */
async function overview(context: Context, { json }: { json?: boolean }): Promise<void> {
  const { terminal, environment } = context;
  const local = await localStatus(environment);
  const session = await openSession(context, { start: false }).catch((error: Error) => error);
  const runs: RunLine[] = [];
  if (!(session instanceof Error)) {
    for await (const info of session.client.workflow.list({ query: OPEN_RUNS })) runs.push(lineOf(info));
    await session.close();
  }
  if (json) return terminal.print(JSON.stringify({ servers: local, runs, error: session instanceof Error ? session.message : undefined }));
  terminal.print(...serverLines(local));
  if (session instanceof Error) terminal.say(`✖ ${session.message}`);
  else terminal.print(...(runs.length > 0 ? table(runs) : ['Nothing is running']));
}

/** The embedded servers and workers, one line each. */
function serverLines({ home, state, problem, processes, ui, console }: Status): string[] {
  const rows = processes.map(({ name, state: its, pid, restarts }) => [
    name,
    its,
    pid === undefined ? '' : `process ${pid}`,
    restarts > 0 ? `restarted ${restarts} ${restarts === 1 ? 'time' : 'times'}` : '',
  ]);
  const problems = [problem, ...processes.map((entry) => entry.problem && `${entry.name}: ${entry.problem} (log: ${entry.log})`)];
  return [
    `Servers and workers are ${state === 'ready' ? 'up' : state}; data in ${home}`,
    ...(state === 'down' ? [] : columns(rows).map((line) => `  ${line}`)),
    ...(ui ? [`  Temporal UI    ${ui}`] : []),
    ...(console ? [`  MinIO console  ${console}`] : []),
    ...problems.filter((text) => text !== undefined && text !== '').flatMap((text) => `✖ ${text}`.split('\n')),
    '',
  ];
}
