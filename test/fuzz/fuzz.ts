/** Gives broken inputs to a child process with limits of memory and time; a child that falls is started again after the input it fell on. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Said, Task } from './child.ts';
import { KINDS } from './kinds.ts';

export type Setting = {
  count: number;
  seed: number;
  kinds?: string[];
  /** Of the child, MiB. */
  memory?: number;
  /** Of computing, for one input. */
  seconds?: number;
  onRead?(done: number): void;
  onFinding?(finding: Finding): void;
};
export type Finding = { number: number; kind: string; what: string };
/** Inputs by kind; `largest` in MiB. */
export type Outcome = { taken: Record<string, number>; refused: Record<string, number>; findings: Finding[]; largest: number };

const CHILD = fileURLToPath(new URL('child.ts', import.meta.url));
const LOOK_EVERY_MS = 100;
/** Silence after which a child that does not even compute is taken for hung, however busy the machine. */
const SILENT_SECONDS = 300;
const PAGE = 4096;
const TICKS = 100; // in which Linux counts the seconds of a process

/** Read `count` broken inputs. Whatever is no rejection of ours with a reason is a finding. */
export async function fuzz({
  count,
  seed,
  kinds = Object.keys(KINDS),
  memory = 1024,
  seconds = 10,
  onRead,
  onFinding,
}: Setting): Promise<Outcome> {
  const outcome: Outcome = { taken: {}, refused: {}, findings: [], largest: 0 };
  const found = (finding: Finding) => {
    outcome.findings.push(finding);
    onFinding?.(finding);
  };
  for (let from = 0; from < count; ) {
    const fallen = await runChild({ seed, kinds, from, to: count }, { memory, seconds }, outcome, found, onRead);
    if (fallen === undefined) break;
    found({ ...fallen, kind: kinds[fallen.number % kinds.length] ?? '' });
    from = fallen.number + 1;
  }
  return outcome;
}

type Limits = { memory: number; seconds: number };

/** @returns the input that the child fell on and how, or undefined when it came to its end */
async function runChild(
  task: Task,
  limits: Limits,
  outcome: Outcome,
  found: (finding: Finding) => void,
  onRead: Setting['onRead'],
): Promise<Pick<Finding, 'number' | 'what'> | undefined> {
  const execArgv = ['--import', import.meta.resolve('tsx'), `--max-old-space-size=${Math.floor(limits.memory / 2)}`];
  const child = fork(CHILD, [], { execArgv, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  let [number, said, reason] = [task.from - 1, '', ''];
  let [heard, computed] = [performance.now(), Number.POSITIVE_INFINITY];
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-2000);
  });
  child.on('message', (message: Said) => {
    number = message.number;
    [heard, computed] = [performance.now(), secondsOf(child)];
    if (message.type === 'begun') return;
    if (message.type === 'wrong') found({ number, kind: message.kind, what: message.error });
    else if (message.reason) outcome.refused[message.kind] = (outcome.refused[message.kind] ?? 0) + 1;
    else outcome.taken[message.kind] = (outcome.taken[message.kind] ?? 0) + 1;
    onRead?.(number + 1);
  });
  const end = (why: string) => {
    reason ||= why;
    child.kill('SIGKILL');
  };
  const timer = setInterval(() => {
    outcome.largest = Math.max(outcome.largest, memoryOf(child));
    if (memoryOf(child) > limits.memory) end(`it took more than ${limits.memory} MiB`);
    if (secondsOf(child) - computed > limits.seconds) end(`it took more than ${limits.seconds} s`);
    if (performance.now() - heard > SILENT_SECONDS * 1000) end(`it was silent for ${SILENT_SECONDS} s`);
  }, LOOK_EVERY_MS);
  const exit = once(child, 'exit');
  child.send(task);
  const [code, signal] = await exit.finally(() => clearInterval(timer));
  if (code === 0 && number === task.to - 1) return undefined;
  return { number: Math.max(number, task.from), what: reason || `the process ended (${code ?? signal}): ${said}` };
}

/** Resident memory, MiB; 0 where the system does not tell. */
function memoryOf({ pid }: ChildProcess): number {
  try {
    return (Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * PAGE) / 2 ** 20;
  } catch {
    return 0;
  }
}

/** Seconds that it has computed so far; 0 where the system does not tell. */
function secondsOf({ pid }: ChildProcess): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS;
  } catch {
    return 0;
  }
}
