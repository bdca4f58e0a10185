/**
 * The supervisor of a trainer: it gives a child process one scratch folder, feeds inputs into it, commits checkpoints out of it,
 * relays progress, and ends it when it stalls or the attempt is cancelled. The child has no network and no credentials.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { constants } from 'node:fs';
import { access, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { StoredObject } from '../contracts/artifacts.ts';
import { FAILURES, Failure, type FailureKind } from '../contracts/failures.ts';
import type { TrainerJob, TrainerMessage } from '../contracts/trainer.ts';
import type { Artifacts } from '../store/artifacts.ts';
import type { Attempt } from './attempt.ts';

/** A file of `in/`: an object of the store, bytes made on the spot, or a file of the scratch folder to move there. */
export type InputFile = { name: string; content: StoredObject | Uint8Array | { file: string } };
type Checkpoint = Extract<TrainerMessage, { type: 'checkpoint' }>;

export type TrainerRun<T> = {
  stage: string;
  job: TrainerJob;
  /** In place before the trainer starts. */
  files: AsyncIterable<InputFile> | Iterable<InputFile>;
  /** Put into `in/` in this order, a bounded number ahead of the trainer. */
  supply: AsyncIterable<InputFile> | Iterable<InputFile>;
  /** Keep a checkpoint; `file` is an absolute path and goes away afterwards. */
  onCheckpoint?(file: string, checkpoint: Checkpoint, made: Record<string, unknown>): Promise<void>;
  /** Take the results out of `folder`. Runs when all checkpoints are kept. */
  onDone(folder: string, facts: Record<string, unknown>, made: Record<string, unknown>): Promise<T>;
};

export type TrainerSettings = { artifacts: Artifacts; scratch: string; environment: Record<string, string>; stallSeconds: number };

const FILES_AHEAD = 8;
/** Time for a last checkpoint when an attempt is cancelled. */
const STOP_SECONDS = 10;
const TRAINER = fileURLToPath(new URL('../workers/trainer.ts', import.meta.url));

/** Run one trainer to its end and return what `onDone` makes of it. @throws Failure, or CancelledFailure through `attempt` */
export async function superviseTrainer<T>(run: TrainerRun<T>, attempt: Attempt, settings: TrainerSettings): Promise<T> {
  const folder = await scratchFolder(settings.scratch);
  try {
    await mkdir(join(folder, 'in'));
    await mkdir(join(folder, 'out'));
    for await (const file of run.files) await place(folder, file, settings.artifacts);
    await writeFile(join(folder, 'job.json'), JSON.stringify(run.job));
    attempt.check();
    return await train(folder, run, attempt, settings);
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** TensorFlow reads its thread counts once, at start. */
function threadSettings(threads: number | 'auto'): Record<string, string> {
  return threads === 'auto' ? {} : { TF_NUM_INTRAOP_THREADS: String(threads), TF_NUM_INTEROP_THREADS: String(threads) };
}

/**
 * Make the scratch folder where it is missing; the folder above it must be there.
 * @throws Error that says what to do, when it cannot be written
 */
export async function makeScratch(scratch: string): Promise<void> {
  try {
    await mkdir(scratch).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
    await access(scratch, constants.W_OK);
  } catch (error) {
    throw new Error(`Cannot train as the scratch folder must be writable: ${(error as Error).message}; name another in FEWLABELS_SCRATCH`);
  }
}

/** A fresh folder of this worker, by whose name `sweepScratch` knows it. */
export async function scratchFolder(scratch: string): Promise<string> {
  await makeScratch(scratch);
  return mkdtemp(join(scratch, `fewlabels-${process.pid}-`));
}

/** Delete scratch folders whose worker is gone. */
export async function sweepScratch(scratch: string): Promise<void> {
  const names = await readdir(scratch).catch(() => [] as string[]);
  for (const name of names) {
    const pid = /^fewlabels-(\d+)-/.exec(name)?.[1];
    if (pid && !isAlive(Number(pid))) await rm(join(scratch, name), { recursive: true, force: true });
  }
}

async function train<T>(folder: string, run: TrainerRun<T>, attempt: Attempt, settings: TrainerSettings): Promise<T> {
  const child = fork(TRAINER, [folder], {
    execArgv: ['--import', import.meta.resolve('tsx')],
    env: { ...settings.environment, ...threadSettings(run.job.threads) },
    detached: true, // a Ctrl-C meant for the worker must not kill the trainer before its last checkpoint
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const done = new AbortController();
  const listener = listen(child, folder, run, attempt);
  const stalled = watchForStall(child, listener, settings.stallSeconds, done.signal);
  const stop = () => endSoon(child, done.signal);
  attempt.signal.addEventListener('abort', stop, { once: true });
  if (attempt.signal.aborted) stop();
  const supplied = supply(folder, run.supply, settings.artifacts, done.signal);
  try {
    const exit = await Promise.race([listener.exit, failureOf(supplied)]);
    await listener.kept();
    attempt.check();
    if (stalled())
      throw new Failure(
        'TrainerStalled',
        `Cannot go on as the trainer made no progress for ${settings.stallSeconds} s: ${listener.where()}`,
      );
    if (!listener.facts) throw exitFailure(exit, listener);
    return await run.onDone(folder, listener.facts, listener.made);
  } finally {
    done.abort();
    attempt.signal.removeEventListener('abort', stop);
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await listener.exit;
    await Promise.allSettled([supplied, listener.kept()]);
  }
}

type Exit = { code: number | null; signal: NodeJS.Signals | null };
type Listener = {
  exit: Promise<Exit>;
  /** Resolves when every announced checkpoint is kept; rejects when one could not be. */
  kept(): Promise<void>;
  lastHeard(): number;
  where(): string;
  log(): string;
  failed?: { kind: string; message: string };
  facts?: Record<string, unknown>;
  made: Record<string, unknown>;
};

/** Turn the trainer's messages into heartbeats and kept checkpoints. */
function listen<T>(child: ChildProcess, folder: string, run: TrainerRun<T>, attempt: Attempt): Listener {
  let heard = Date.now();
  let where = 'it was starting';
  let log: string[] = [];
  let checkpointStep: number | undefined;
  let keeping: Promise<void> = Promise.resolve();
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      log = [...log, ...text.split('\n').filter((line) => line.trim() !== '')].slice(-20);
    });
  }
  const listener: Listener = {
    exit: new Promise((resolve) => {
      child.once('error', (error) => {
        log.push(error.message);
        resolve({ code: 1, signal: null });
      });
      child.once('close', (code, signal) => resolve({ code, signal }));
    }),
    kept: () => keeping,
    lastHeard: () => heard,
    where: () => where,
    log: () => log.join('\n'),
    made: {},
  };
  child.on('message', (message: TrainerMessage) => {
    heard = Date.now();
    if (message.type === 'ready') {
      const { type: _, ...made } = message;
      listener.made = made;
    }
    if (message.type === 'failed') listener.failed = message;
    if (message.type === 'done') {
      listener.facts = message.facts;
      if (message.waitedSeconds !== undefined) listener.made = { ...listener.made, waitedSeconds: message.waitedSeconds };
    }
    if (message.type === 'progress') {
      where = `step ${message.step} of ${message.steps}`;
      const { step, steps, loss, accuracy, imagesPerSecond, secondsLeft, review, warning } = message;
      attempt.progress({
        stage: run.stage,
        done: step,
        total: steps,
        unit: 'steps',
        loss,
        accuracy,
        imagesPerSecond,
        secondsLeft,
        checkpointStep,
        review,
        warning,
      });
    }
    if (message.type === 'checkpoint') {
      const file = join(folder, 'out', message.file);
      keeping = keeping.then(async () => {
        await run.onCheckpoint?.(file, message, listener.made);
        checkpointStep = message.step;
        await rm(file, { force: true });
      });
      keeping.catch(() => undefined); // reported by kept()
    }
  });
  return listener;
}

/** Kill a trainer that says nothing for too long. @returns whether that happened */
function watchForStall(child: ChildProcess, listener: Listener, seconds: number, done: AbortSignal): () => boolean {
  let stalled = false;
  const timer = setInterval(() => {
    if (Date.now() - listener.lastHeard() < seconds * 1000) return;
    stalled = true;
    child.kill('SIGKILL');
  }, 1_000);
  done.addEventListener('abort', () => clearInterval(timer), { once: true });
  return () => stalled;
}

/** Ask for a last checkpoint, then insist. */
function endSoon(child: ChildProcess, done: AbortSignal): void {
  if (child.connected) child.send({ type: 'stop' });
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_SECONDS * 1000);
  done.addEventListener('abort', () => clearTimeout(timer), { once: true });
}

async function supply(
  folder: string,
  files: AsyncIterable<InputFile> | Iterable<InputFile>,
  artifacts: Artifacts,
  done: AbortSignal,
): Promise<void> {
  for await (const file of files) {
    while (!done.aborted && (await waiting(folder)) >= FILES_AHEAD) await delay(50);
    if (done.aborted) return;
    await place(folder, file, artifacts);
  }
}

async function waiting(folder: string): Promise<number> {
  const names = await readdir(join(folder, 'in'));
  return names.filter((name) => /^e\d+-s\d+\./.test(name)).length;
}

/** Files appear in `in/` complete or not at all. */
async function place(folder: string, { name, content }: InputFile, artifacts: Artifacts): Promise<void> {
  const partial = 'file' in content ? content.file : join(folder, `${name}.partial`);
  if (content instanceof Uint8Array) await writeFile(partial, content);
  else if (!('file' in content)) await artifacts.readToFile(content, partial);
  await rename(partial, join(folder, 'in', name));
}

/** Rejects when the promise does; otherwise never settles. */
function failureOf(promise: Promise<void>): Promise<never> {
  return new Promise((_, reject) => {
    promise.catch(reject);
  });
}

function exitFailure({ code, signal }: Exit, listener: Listener): Failure {
  const { failed } = listener;
  if (failed && failed.kind in FAILURES) return new Failure(failed.kind as FailureKind, failed.message);
  const how = signal ? `was ended by ${signal}` : `exited with status ${code}`;
  const said = failed?.message ?? listener.log();
  return new Failure('TrainerCrashed', `Cannot go on as the trainer ${how}: ${listener.where()}${said ? `; it said: ${said}` : ''}`);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
