/** A process that is kept running: started again when it ends or hangs, at once the first time and then ever more slowly. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Log, lastLines, logFile, openLog, shorten } from './logs.ts';
import { end, identify } from './processes.ts';
import type { ChildName, ChildRecord } from './record.ts';

export type ChildSettings = {
  name: ChildName;
  home: string;
  command: string;
  args: string[];
  env: NodeJS.ProcessEnv;
  cwd: string;
  /** Gives way to everything else on the machine. */
  isHumble?: boolean;
  /** Asked several times a second once the process runs; throws while it is not there yet. */
  isReady(log: Log): boolean | Promise<boolean>;
  /** Asked now and then while it is ready; rejects when it does not answer. Without it the process is trusted to end when it fails. */
  isAlive?(): Promise<unknown>;
  limits?: Partial<typeof LIMITS>;
  /** Called at every change, before anything else happens: the process must be on record. */
  onChange(name: ChildName, record: ChildRecord): void;
};

/**
 * A process that is not ready after `startMs`, or gives no answer within `answerMs` so many times in a row, hangs. Times are long: a machine
 * may be busy, and one that slept must not lose its servers.
 */
const LIMITS = { startMs: 600_000, aliveEveryMs: 15_000, answerMs: 20_000, unanswered: 4 };
const ASK_EVERY_MS = 100;
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 30_000;
/** Endings in a row, without having been ready, after which there is a problem to tell. */
const PATIENCE = 3;
/** One that was ready for so long begins anew with short pauses. */
const STEADY_MS = 30_000;

export class Child {
  readonly name: ChildName;
  readonly #settings: ChildSettings;
  #record: ChildRecord = { state: 'starting', restarts: 0 };
  readonly #stopping = new AbortController();
  #pause = new AbortController();
  #failures = 0;
  #life: Promise<void> | undefined;

  constructor(settings: ChildSettings) {
    this.name = settings.name;
    this.#settings = settings;
  }

  /** Start, and keep running until `stop`. @returns a promise of its being ready; it rejects when it ends too often before that */
  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#life = this.#live(resolve, reject);
    });
  }

  /** SIGTERM, and SIGKILL after `graceMs`; it is not started again. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping.abort();
    await end([this.#record.process], graceMs);
    await this.#life;
    this.#change({ state: 'stopped', process: undefined });
  }

  /** Do not wait any longer before the next start. */
  retry(): void {
    if (this.#record.state !== 'waiting') return;
    this.#failures = 0;
    this.#change({ problem: undefined });
    this.#pause.abort();
  }

  async #live(onReady: () => void, onProblem: (error: Error) => void): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      const log = openLog(this.#settings.home, this.name);
      const { ended, readyForMs } = await this.#once(log, onReady);
      if (this.#stopping.signal.aborted) return;
      this.#count(readyForMs);
      const problem = `Cannot start ${this.name} as it must keep running: ${ended}. It said last (${log.file}):\n${lastLines(log)}`;
      const isProblem = this.#failures >= PATIENCE;
      this.#pause = new AbortController();
      this.#change({ state: 'waiting', process: undefined, restarts: this.#record.restarts + 1, problem: isProblem ? problem : undefined });
      if (isProblem) onProblem(new Error(problem));
      const pause = Math.min(FIRST_PAUSE_MS * 2 ** (this.#failures - 1), LONGEST_PAUSE_MS);
      const signal = AbortSignal.any([this.#stopping.signal, this.#pause.signal]);
      await sleep(pause, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Failures in a row. One that was ready is never a problem by itself, however often it is killed. */
  #count(readyForMs: number): void {
    if (readyForMs > STEADY_MS) this.#failures = 1;
    else if (readyForMs > 0) this.#failures = Math.max(1, Math.min(this.#failures + 1, PATIENCE - 1));
    else this.#failures += 1;
  }

  /** One life of the process. */
  async #once(log: Log, onReady: () => void): Promise<{ ended: string; readyForMs: number }> {
    const { command, args, env, cwd, isHumble } = this.#settings;
    const child = spawn(command, args, { env, cwd, stdio: ['ignore', log.descriptor, log.descriptor] });
    closeSync(log.descriptor);
    this.#change({ state: 'starting', process: child.pid === undefined ? undefined : identify(child.pid) });
    if (isHumble && child.pid !== undefined) lowerPriority(child.pid);
    const ended = endOf(child);
    let [readySince, hung]: [number | undefined, string | undefined] = [undefined, undefined];
    const kill = (reason: string) => {
      hung = reason;
      child.kill('SIGKILL');
    };
    const { startMs } = { ...LIMITS, ...this.#settings.limits };
    const deadline = setTimeout(() => kill(`it was not ready after ${Math.round(startMs / 1000)} s`), startMs);
    const asking = this.#untilReady(child, log).then((ready) => {
      if (!ready) return;
      clearTimeout(deadline);
      readySince = performance.now();
      this.#change({ state: 'ready', problem: undefined });
      onReady();
      void this.#watch(child, () => kill('it no longer answered'));
    });
    const how = await ended;
    clearTimeout(deadline);
    await asking;
    return { ended: hung ?? how, readyForMs: readySince === undefined ? 0 : performance.now() - readySince };
  }

  /** Until a process that is ready ends: ask whether it lives, and keep its log short. */
  async #watch(child: ChildProcess, onHung: () => void): Promise<void> {
    const { isAlive } = this.#settings;
    const { aliveEveryMs, answerMs, unanswered } = { ...LIMITS, ...this.#settings.limits };
    const pause = (ms: number) => sleep(ms, false, { ref: false });
    for (let missed = 0; missed < unanswered; ) {
      await pause(aliveEveryMs);
      if (!runs(child)) return;
      shorten(logFile(this.#settings.home, this.name));
      if (!isAlive) continue;
      const answered = await Promise.race([
        isAlive().then(
          () => true,
          () => false,
        ),
        pause(answerMs),
      ]);
      missed = answered ? 0 : missed + 1;
    }
    if (runs(child)) onHung();
  }

  async #untilReady(child: ChildProcess, log: Log): Promise<boolean> {
    while (runs(child)) {
      const answer = await Promise.resolve()
        .then(() => this.#settings.isReady(log))
        .catch(() => false);
      if (answer) return runs(child);
      await sleep(ASK_EVERY_MS);
    }
    return false;
  }

  #change(change: Partial<ChildRecord>): void {
    this.#record = { ...this.#record, ...change };
    this.#settings.onChange(this.name, this.#record);
  }
}

const runs = ({ pid, exitCode, signalCode }: ChildProcess) => pid !== undefined && exitCode === null && signalCode === null;

function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.on('error', (error) => resolve(error.message)); // a second one, such as of `kill`, must find somebody too
    child.once('exit', (code, killedBy) => resolve(killedBy ? `it was ended by ${killedBy}` : `it ended with status ${code}`));
  });
}

function lowerPriority(pid: number): void {
  try {
    setPriority(pid, constants.priority.PRIORITY_BELOW_NORMAL); // nice 10
  } catch {
    // gone already, or not allowed: it runs as it is
  }
}
