/** Bring a supervisor up and wait until all it keeps is ready. */
import { spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Environment, FILES } from '../../contracts/environment.ts';
import { serves } from './addresses.ts';
import { codeFingerprint, ROOT } from './code.ts';
import { type Log, lastLines, openLog } from './logs.ts';
import { isRunning, signal } from './processes.ts';
import { CHILDREN, readRecord, SERVERS, type SupervisorRecord } from './record.ts';

const ASK_EVERY_MS = 100;
/** Three workers compile their code, on a slow machine with both cores busy. */
const START_SECONDS = 180;
/** Exit status of a supervisor that found another one at work. */
const SECOND = 3;

/** A supervisor started here; `exit` is there once it has ended. */
type Started = { pid?: number; log: Log; exit?: number };

/**
 * Wait for a supervisor to be ready; start one when there is none, or when one has just gone down.
 * @throws Error that says what does not start, with the last lines it printed
 */
export async function untilReady(home: string, environment: Environment, onLine: (line: string) => void): Promise<SupervisorRecord> {
  await retryFailed(home);
  let started: Started | undefined;
  let isTold = false;
  const deadline = Date.now() + START_SECONDS * 1000;
  while (Date.now() < deadline) {
    const record = await runningRecord(home);
    if (record && record.state !== 'stopping') checkServes(record, environment, home);
    const problem = problemOf(record);
    if (problem !== undefined) throw inLines(problem);
    if (record?.state === 'ready' && isAllReady(record)) return warnOfOtherCode(record, onLine);
    if (!isTold) onLine(`Starting servers and workers (data in ${home})`);
    isTold = true;
    if (started?.exit !== undefined && started.exit !== 0 && started.exit !== SECOND) throw await failureOf(home, started);
    if (!record && (started === undefined || started.exit !== undefined)) started = startSupervisor(home, environment);
    await sleep(ASK_EVERY_MS);
  }
  throw new Error(`Cannot start as servers and workers must be ready within ${START_SECONDS} seconds: see the logs in ${home}/logs`);
}

/** What the supervisor of a data folder wrote down, while it runs. */
export async function runningRecord(home: string): Promise<SupervisorRecord | undefined> {
  const record = await readRecord(home);
  return record && isRunning(record.supervisor) ? record : undefined;
}

/** Why something is not up. A supervisor whose servers do not start gives up by itself and cleans up first. */
function problemOf(record: SupervisorRecord | undefined): string | undefined {
  const names = record?.state === 'starting' ? CHILDREN.filter((name) => !SERVERS.includes(name)) : CHILDREN;
  return names.map((name) => record?.children[name]?.problem).find((problem) => problem !== undefined);
}

/** A problem, with each line that its process said last as an error of its own: whoever shows it knows them from line breaks in a name. */
function inLines(problem: string): AggregateError {
  const [message, ...said] = problem.split('\n');
  return new AggregateError(said, message);
}

const isAllReady = ({ children }: SupervisorRecord) => Object.values(children).every((child) => child.state === 'ready');

/** Problems of an earlier day may be mended by now: have them tried again rather than told again. */
async function retryFailed(home: string): Promise<void> {
  const record = await runningRecord(home);
  if (!record || problemOf(record) === undefined) return;
  signal(record.supervisor, 'SIGUSR2');
  await sleep(5 * ASK_EVERY_MS);
}

/** Detached, in a session of its own, so that neither Ctrl-C nor the end of a terminal reaches it. */
function startSupervisor(home: string, environment: Environment): Started {
  const log = openLog(home, 'supervisor');
  const child = spawn(process.execPath, ['--import', 'tsx', 'infra/local/supervisor.ts'], {
    cwd: ROOT,
    detached: true,
    stdio: ['pipe', log.descriptor, log.descriptor],
  });
  closeSync(log.descriptor);
  const started: Started = { pid: child.pid, log };
  child.once('error', () => {
    started.exit = 1;
  });
  child.once('exit', (code) => {
    started.exit = code ?? 1;
  });
  child.stdin?.once('error', () => undefined); // it ended at once: its exit says so
  child.stdin?.end(JSON.stringify({ ...environment, ...absoluteFiles(environment), FEWLABELS_HOME: home }));
  child.unref();
  return started;
}

/** The supervisor and its workers have another working folder. */
function absoluteFiles(environment: Environment): Partial<Environment> {
  return Object.fromEntries(FILES.flatMap((name) => (environment[name] ? [[name, resolve(environment[name])]] : [])));
}

async function failureOf(home: string, { pid, log }: Started): Promise<Error> {
  const record = await readRecord(home);
  if (record?.problem !== undefined && record.supervisor.pid === pid) return inLines(record.problem);
  return inLines(
    `Cannot start servers and workers as their supervisor must keep running: it ended. It said last (${log.file}):\n${lastLines(log)}`,
  );
}

function checkServes({ serves: served }: SupervisorRecord, environment: Environment, home: string): void {
  if (served === serves(environment)) return;
  throw new Error(
    `Cannot use the workers of "${home}" as they must serve ${serves(environment)}: they serve ${served}. ` +
      'Stop them with `npx fewlabels down`, or name another folder in FEWLABELS_HOME',
  );
}

/** What was begun goes on by itself: workers that end leave a last checkpoint, and a run that does not fit other code says so. */
function warnOfOtherCode(record: SupervisorRecord, onLine: (line: string) => void): SupervisorRecord {
  if (record.root !== ROOT)
    onLine(
      `The servers and workers that run are those of ${record.root}. To change to those of this folder: \`npx fewlabels down\`, then \`npx fewlabels up\`; runs go on where they were`,
    );
  else if (record.code !== codeFingerprint())
    onLine(
      'The workers run other code than this folder has now. To change: `npx fewlabels down`, then `npx fewlabels up`; runs go on where they were',
    );
  return record;
}
