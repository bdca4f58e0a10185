/**
 * The supervisor of a trainer: it gives a child process one scratch folder, feeds inputs into it, commits checkpoints out of it,
 * relays progress, and ends it when it stalls or the attempt is cancelled. The child has no network and no credentials.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { FAILURES, Failure, type FailureKind } from '../contracts/failures.ts';
import type { Beat } from '../contracts/progress.ts';
import type { TrainerJob, TrainerMessage } from '../contracts/trainer.ts';
import type { Artifacts } from '../store/artifacts.ts';
import { unlessAborted } from '../store/interruptible.ts';
import type { Attempt } from './attempt.ts';
import { whileAway } from './away.ts';
import { type InputFiles, type Inputs, place, supplyInputs } from './inputs.ts';
import { noteTrainer, scratchFolder, sweepScratch } from './scratch.ts';
import { openUploads, type Uploads } from './uploads.ts';

export type { InputFile } from './inputs.ts';

type Checkpoint = Extract<TrainerMessage, { type: 'checkpoint' }>;

export type TrainerRun<T> = {
  stage: string;
  job: TrainerJob;
  /** The checkpoint that it goes on from. */
  resumed?: Beat['checkpoint'];
  /** In place before the trainer starts. */
  files: InputFiles;
  /** Put into `in/` in this order, a bounded number ahead of the trainer. */
  supply: InputFiles;
  /** Put a checkpoint into the store. `file` is an absolute path and goes away afterwards. @returns the artifact it belongs to */
  onCheckpoint?(file: string, checkpoint: Checkpoint, made: Record<string, unknown>): Promise<{ key: string }>;
  /** Take the results out of `folder`. Runs when the last checkpoint is kept. */
  onDone(folder: string, facts: Record<string, unknown>, made: Record<string, unknown>): Promise<T>;
};

export type TrainerSettings = {
  artifacts: Artifacts;
  scratch: string;
  environment: Record<string, string>;
  /** Silence after which a trainer is taken for hung. */
  stallSeconds: number;
  /** What a cancelled attempt takes at most: half of it for a last checkpoint, the rest to upload that. */
  graceSeconds?: number;
  /** Between two looks whether a store that is away is back. */
  againSeconds?: number;
};

const GRACE_SECONDS = 18;
const AGAIN_SECONDS = 10;
const TRAINER = fileURLToPath(new URL('../workers/trainer.ts', import.meta.url));

/** Run one trainer to its end and return what `onDone` makes of it. @throws Failure, or CancelledFailure through `attempt` */
export async function superviseTrainer<T>(run: TrainerRun<T>, attempt: Attempt, settings: TrainerSettings): Promise<T> {
  const artifacts = settings.artifacts.until(attempt.signal);
  await sweepScratch(settings.scratch); // an orphan of the attempt before may hold the device
  const folder = await scratchFolder(settings.scratch);
  try {
    await mkdir(join(folder, 'in'));
    await mkdir(join(folder, 'out'));
    for await (const file of run.files) {
      attempt.check();
      await place(folder, file, artifacts);
    }
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

async function train<T>(folder: string, run: TrainerRun<T>, attempt: Attempt, settings: TrainerSettings): Promise<T> {
  const { artifacts, stallSeconds, graceSeconds = GRACE_SECONDS, againSeconds = AGAIN_SECONDS } = settings;
  const child = fork(TRAINER, [folder], {
    cwd: folder, // a dump of its memory goes with the folder
    execArgv: ['--import', import.meta.resolve('tsx')],
    env: { ...settings.environment, ...threadSettings(run.job.threads) },
    detached: true, // a Ctrl-C meant for the worker must not kill the trainer before its last checkpoint
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const unwinding = Math.min(UNWINDING_MS, graceSeconds * 250); // after the SIGKILL, which comes at half of it
  const ended = new AbortController();
  const teller = tellerOf(run.stage, attempt, run.resumed);
  const waiting = (what: string) => ({ signal: ended.signal, againSeconds, tell: (why?: string) => teller.away(what, why) });
  const uploads = openUploads<Checkpoint>(async (file, checkpoint) => {
    const artifact = await run.onCheckpoint?.(file, checkpoint, listener.made);
    if (artifact) teller.kept({ step: checkpoint.step, key: artifact.key });
  }, waiting('its newest checkpoint'));
  const listener = listen(child, folder, teller, uploads);
  const inputs = supplyInputs(folder, run.supply, artifacts.until(attempt.signal), waiting('its inputs'));
  const stalled = watchForStall(child, listener, inputs, stallSeconds, ended.signal);
  const stop = () => endSoon(child, (graceSeconds * 1000) / 2, ended.signal);
  const cancel = () => {
    stop();
    after(graceSeconds * 1000 - unwinding, ended.signal, () => ended.abort());
  };
  attempt.signal.addEventListener('abort', cancel, { once: true });
  if (attempt.signal.aborted) cancel();
  let problem: { error: unknown } | undefined;
  inputs.supplied.catch((error: unknown) => {
    problem = { error };
    stop(); // what was learnt from the inputs that it has goes into a last checkpoint
  });
  try {
    if (child.pid !== undefined) await noteTrainer(folder, child.pid);
    const exit = await Promise.race([listener.exit, uploads.failure]);
    await Promise.race([uploads.kept(), aborted(ended.signal)]);
    attempt.check();
    if (problem && !listener.facts) throw problem.error;
    if (stalled()) {
      throw new Failure('TrainerStalled', `Cannot go on as the trainer made no progress for ${stallSeconds} s: ${listener.where()}`);
    }
    if (!listener.facts) throw exitFailure(exit, listener);
    const { facts, made } = listener;
    const result = whileAway(() => run.onDone(folder, facts, made), waiting('its result'));
    return await unlessAborted(ended.signal, result);
  } finally {
    ended.abort();
    attempt.signal.removeEventListener('abort', cancel);
    if (!hasEnded(child)) child.kill('SIGKILL');
    await listener.exit;
    // Whoever writes into the folder is to be done before it goes; a store that does not answer must not hold a cancelled run.
    await Promise.race([Promise.allSettled([inputs.supplied, uploads.kept()]), delay(UNWINDING_MS)]);
  }
}

/** What is left of the grace after the last upload. */
const UNWINDING_MS = 2_000;

type Teller = {
  progress(news: Partial<Beat>): void;
  kept(checkpoint: NonNullable<Beat['checkpoint']>): void;
  /** The store is away, and `what` waits for it; undefined: it is back. */
  away(what: string, why: string | undefined): void;
};

/** What the trainer and its supervisor have to tell, in one heartbeat. */
function tellerOf(stage: string, attempt: Attempt, checkpoint?: Beat['checkpoint']): Teller {
  const waiting = new Map<string, string>();
  let beat: Beat = { stage, done: 0, total: 0, unit: 'steps', checkpoint };
  const tell = (more: Partial<Beat>) => {
    beat = { ...beat, ...more };
    const [away] = [...waiting].map(([what, why]) => `The training goes on while the object store is away, and ${what} waits: ${why}`);
    attempt.progress(away ? { ...beat, warning: away } : beat);
  };
  tell({});
  return {
    progress: tell,
    kept: (checkpoint) => tell({ checkpoint }),
    away(what, why) {
      if (waiting.get(what) === why) return;
      if (why === undefined) waiting.delete(what);
      else waiting.set(what, why);
      tell({});
    },
  };
}

type Exit = { code: number | null; signal: NodeJS.Signals | null };
type Listener = {
  exit: Promise<Exit>;
  lastHeard(): number;
  where(): string;
  log(): string;
  failed?: { kind: string; message: string };
  facts?: Record<string, unknown>;
  made: Record<string, unknown>;
};

/** Turn the trainer's messages into heartbeats and uploads. */
function listen(child: ChildProcess, folder: string, teller: Teller, uploads: Uploads<Checkpoint>): Listener {
  let heard = performance.now();
  let where = 'it was starting';
  let log: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      log = [...log, ...text.split('\n').filter((line) => line.trim() !== '')].slice(-20);
    });
  }
  const listener: Listener = {
    exit: new Promise((resolve) => {
      child.on('error', (error) => {
        log.push(error.message);
        if (child.pid === undefined) resolve({ code: 1, signal: null }); // it never started
      });
      child.once('close', (code, signal) => resolve({ code, signal }));
    }),
    lastHeard: () => heard,
    where: () => where,
    log: () => log.join('\n'),
    made: {},
  };
  child.on('message', (message: TrainerMessage) => {
    heard = performance.now();
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
      const unit = 'steps' as const;
      teller.progress({ done: step, total: steps, unit, loss, accuracy, imagesPerSecond, secondsLeft, review, warning });
    }
    if (message.type === 'checkpoint') uploads.add(join(folder, 'out', message.file), message);
  });
  return listener;
}

/**
 * Kill a trainer that says nothing for too long though it has something to read. The clock stands while the machine sleeps.
 * @returns whether that happened
 */
function watchForStall(child: ChildProcess, listener: Listener, inputs: Inputs, seconds: number, done: AbortSignal): () => boolean {
  let stalled = false;
  let starved = performance.now();
  const timer = setInterval(async () => {
    if (await inputs.isStarving().catch(() => false)) starved = performance.now();
    if (hasEnded(child) || done.aborted || performance.now() - Math.max(starved, listener.lastHeard()) < seconds * 1000) return;
    stalled = true;
    child.kill('SIGKILL');
  }, 1_000);
  done.addEventListener('abort', () => clearInterval(timer), { once: true });
  return () => stalled;
}

/** Its last uploads may take longer than it did. */
const hasEnded = ({ exitCode, signalCode }: ChildProcess) => exitCode !== null || signalCode !== null;

/** Ask for a last checkpoint, then insist. */
function endSoon(child: ChildProcess, milliseconds: number, done: AbortSignal): void {
  if (child.connected) child.send({ type: 'stop' }, () => undefined); // it may be gone by now
  after(milliseconds, done, () => child.kill('SIGKILL'));
}

function after(milliseconds: number, done: AbortSignal, act: () => void): void {
  if (done.aborted) return;
  const timer = setTimeout(act, milliseconds);
  done.addEventListener('abort', () => clearTimeout(timer), { once: true });
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });

function exitFailure({ code, signal }: Exit, listener: Listener): Failure {
  const { failed } = listener;
  if (failed && failed.kind in FAILURES) return new Failure(failed.kind as FailureKind, failed.message);
  const how = signal ? `was ended by ${signal}` : `exited with status ${code}`;
  const said = failed?.message ?? listener.log();
  return new Failure('TrainerCrashed', `Cannot go on as the trainer ${how}: ${listener.where()}${said ? `; it said: ${said}` : ''}`);
}
