/** From a started run to its result: watch, then print it and keep its files. */
import type { RunResult } from '../contracts/scores.ts';
import { duration } from '../report/summary.ts';
import { openDisplay } from './display.ts';
import { failureOf } from './failure-text.ts';
import { follow } from './follow.ts';
import { keep, type RunJson, scoreTable } from './outcome.ts';
import { EXIT, statusOfKind } from './problem.ts';
import { openSession, type Session } from './session.ts';
import type { Context, Terminal } from './terminal.ts';
import type { RunState } from './watch.ts';

export type WatchOptions = { run: string; interrupted: AbortSignal; out: string; json?: boolean };

/** @returns an exit status; the result or the failure is printed by then */
export async function watchToEnd(context: Context, first: Session, { run, interrupted, out, json }: WatchOptions): Promise<number> {
  const { terminal } = context;
  const display = openDisplay(terminal);
  const reconnect = () => openSession(context, { start: true });
  const ended = await follow(first, run, { display, interrupted, reconnect }).finally(() => display.end());
  if (!ended) return EXIT.interrupted;
  const { state, session } = ended;
  try {
    const result: RunResult = await session.client.workflow.getHandle(run).result();
    const kept = await keep(session, result, secondsOf(state), out);
    tell(terminal, kept, json);
    return EXIT.done;
  } catch (error) {
    if (state.status === 'COMPLETED') throw error;
    const failure = failureOf(error);
    const link = session.link(run);
    if (json)
      terminal.print(
        JSON.stringify({
          run,
          state: failure.state,
          seconds: secondsOf(state),
          error: failure.message,
          kind: failure.kind,
          scores: [],
          ui: link,
        }),
      );
    terminal.say(`✖ ${failure.message}`);
    if (link) terminal.say(`  ${link}`);
    return statusOfKind(failure.kind);
  } finally {
    await session.close();
  }
}

function tell(terminal: Terminal, kept: RunJson, json?: boolean): void {
  if (json) {
    terminal.print(JSON.stringify(kept));
    return;
  }
  const { count, examples } = kept.setAside;
  const aside =
    count > 0
      ? [
          `${count} unreadable ${count === 1 ? 'image was' : 'images were'} set aside, such as ${examples[0]?.image}: ${examples[0]?.reason}`,
          '',
        ]
      : [];
  const ui = kept.ui ? [`run     ${kept.ui}`] : [];
  terminal.print(
    '',
    'Right on the test images:',
    '',
    ...scoreTable(kept.scores),
    '',
    ...aside,
    `report  ${kept.report}`,
    `student ${kept.student}`,
    ...ui,
    `time    ${duration(kept.seconds)}`,
    '',
    `New images: npx fewlabels predict ${kept.run} IMAGES…`,
  );
}

function secondsOf({ started, closed }: RunState): number {
  return Math.round(((closed ?? new Date()).getTime() - started.getTime()) / 100) / 10;
}
