/** Watch a run to its end. */
import { setTimeout as sleep } from 'node:timers/promises';
import { WorkflowNotFoundError } from '@temporalio/client';
import { keyMissingIn } from '../infra/temporal/codec.ts';
import type { Display } from './display.ts';
import type { Session } from './session.ts';
import { stageRows } from './stage-rows.ts';
import { idleQueues, isOpen, lookAt, type Retry, type RunState } from './watch.ts';

const LOOK_EVERY_MS = 1_000;
const WORKERS_EVERY_MS = 10_000;
const RECONNECT_AFTER_MS = 10_000;
/** Between two pieces of work nobody warns for some seconds: a line that was away for so many looks is news again. */
const NEWS_AFTER_LOOKS = 15;
const PAUSED = '⏸ paused; `npx fewlabels resume` goes on';

/** Lines that were said, and for how many looks they have not stood since. */
export type Told = Map<string, number>;

export type Following = {
  display: Display;
  interrupted: AbortSignal;
  /** A fresh session when the old one's server is gone: embedded servers may come back at another port. */
  reconnect(): Promise<Session>;
};

/**
 * Watch until the run is closed. A server that goes away is waited for.
 * @returns how it stood last, and the session in use then; undefined when the person pressed Ctrl-C
 */
export async function follow(
  first: Session,
  run: string,
  { display, interrupted, reconnect }: Following,
): Promise<{ state: RunState; session: Session } | undefined> {
  let session = first;
  let lostAt: number | undefined;
  const told: Told = new Map();
  const toldIdle = new Set<string>();
  let workersAt = 0;
  let idle: string[] = [];
  while (!interrupted.aborted) {
    try {
      const state = await lookAt(session, run);
      if (lostAt !== undefined) display.say('… the Temporal server answers again');
      lostAt = undefined;
      show(state, display, told);
      if (!isOpen(state.status)) return { state, session };
      if (Date.now() - workersAt > WORKERS_EVERY_MS) {
        workersAt = Date.now();
        idle = await tellIdle(session, display, toldIdle, idle);
      }
    } catch (error) {
      if (error instanceof WorkflowNotFoundError || keyMissingIn(error)) throw error;
      if (lostAt === undefined) display.say('… the Temporal server does not answer; the run is safe, waiting for it to come back');
      lostAt ??= Date.now();
      if (Date.now() - lostAt > RECONNECT_AFTER_MS) session = await again(session, reconnect);
    }
    await sleep(LOOK_EVERY_MS, undefined, { signal: interrupted }).catch(() => undefined);
  }
  return undefined;
}

/** What is new about the run; a line is said again only when what it says had ceased in between. */
export function show(
  { progress, beats, retries, stuck }: Pick<RunState, 'progress' | 'beats' | 'retries' | 'stuck'>,
  display: Display,
  told: Told,
): void {
  if (progress) display.update(stageRows(progress, beats));
  const tries = retries.map(({ activity, attempt, reason }: Retry) => `↻ ${activity}: attempt ${attempt}, as ${reason}`);
  const warnings = [progress?.warning, ...beats.map(({ warning }) => warning)].flatMap((warning) => (warning ? [`⚠ ${warning}`] : []));
  if (progress && !progress.paused) told.delete(PAUSED);
  const standing = [...(progress?.paused ? [PAUSED] : []), ...(stuck ? [`✖ ${stuck}`] : [])];
  if (progress) for (const [line, looks] of told) told.set(line, looks + 1);
  for (const line of [...tries, ...warnings, ...standing, ...(progress?.notes ?? [])]) {
    if (!told.has(line)) display.say(line);
    told.set(line, 0);
  }
  for (const [line, looks] of told) if (looks > NEWS_AFTER_LOOKS) told.delete(line);
}

/** A queue that nobody served the last time either: a worker that is just starting is no news. */
async function tellIdle(session: Session, display: Display, told: Set<string>, before: string[]): Promise<string[]> {
  const idle = await idleQueues(session);
  for (const queue of told) if (!idle.includes(queue)) told.delete(queue);
  for (const queue of idle.filter((name) => before.includes(name))) {
    if (!told.has(queue))
      display.say(`… nobody serves ${queue}: start a worker with \`npx fewlabels worker ${queue.replace('fewlabels-', '')}\``);
    told.add(queue);
  }
  return idle;
}

/** The old session stays in use while there is no new one. */
async function again(session: Session, reconnect: () => Promise<Session>): Promise<Session> {
  const fresh = await reconnect().catch(() => undefined);
  if (fresh) await session.close().catch(() => undefined);
  return fresh ?? session;
}
