/**
 * The supervisor of a trainer: it gives a child process one scratch folder, feeds inputs into it, commits checkpoints out of it,
 * relays progress, and ends it when it stalls or the attempt is cancelled. The child has no network and no credentials.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { FAILURES, Failure, type FailureKind } from '../contracts/failures.ts';
import type { Beat } from '../contracts/progress.ts';
import type { TrainerJob, TrainerMessage } from '../contracts/trainer.ts';
import type { Artifacts } from '../store/artifacts.ts';
import { unlessAborted } from '../store/interruptible.ts';
import type { Attempt } from './attempt.ts';
import { whileAway } from './away.ts';
import { type InputFiles, type Inputs, place, supplyInputs } from './inputs.ts';
import { dropFolder, noteTrainer, scratchFolder, sweepScratch } from './scratch.ts';
import { type Exit, startTrainer, type TrainerProcess } from './trainer-process.ts';
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
    return await train(folder, run, attempt, { ...settings, artifacts });
  } finally {
    const left = await dropFolder(folder);
    if (left) attempt.warn(left);
  }
}

/** @param settings  whose artifacts end with the attempt */
async function train<T>(folder: string, run: TrainerRun<T>, attempt: Attempt, settings: TrainerSettings): Promise<T> {
  const { artifacts, stallSeconds, graceSeconds = GRACE_SECONDS, againSeconds = AGAIN_SECONDS } = settings;
  const unwinding = Math.min(UNWINDING_MS, graceSeconds * 250); // after the SIGKILL, which comes at half of it
  const ended = new AbortController();
  const teller = tellerOf(run.stage, attempt, run.resumed);
  const waiting = (what: string) => ({ signal: ended.signal, againSeconds, tell: (why?: string) => teller.away(what, why) });
  const uploads = openUploads<Checkpoint>(async (file, checkpoint) => {
    const artifact = await run.onCheckpoint?.(file, checkpoint, listener.made);
    if (artifact) teller.kept({ step: checkpoint.step, key: artifact.key, at: new Date().toISOString() });
  }, waiting('its newest checkpoint'));
  const listener = listen(folder, teller, uploads);
  const trainer = startTrainer(folder, settings.environment, run.job.threads, listener.hear);
  const inputs = supplyInputs(folder, run.supply, artifacts, waiting('its inputs'));
  const stalled = watchForStall(trainer, listener, inputs, stallSeconds, ended.signal);
  const stop = () => {
    trainer.askToStop();
    after((graceSeconds * 1000) / 2, ended.signal, trainer.kill);
  };
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
    if (trainer.pid !== undefined) await noteTrainer(folder, trainer.pid);
    const exit = await unlessAborted(ended.signal, Promise.race([trainer.exit, uploads.failure]));
    await unlessAborted(ended.signal, uploads.kept());
    attempt.check();
    if (problem && !listener.facts) throw problem.error;
    if (stalled()) {
      throw new Failure('TrainerStalled', `Cannot go on as the trainer made no progress for ${stallSeconds} s: ${listener.where()}`);
    }
    if (!listener.facts) throw exitFailure(exit, listener, trainer.log());
    const { facts, made } = listener;
    const result = whileAway(() => run.onDone(folder, facts, made), waiting('its result'));
    return await unlessAborted(ended.signal, result);
  } finally {
    ended.abort();
    attempt.signal.removeEventListener('abort', cancel);
    if (!trainer.hasEnded()) trainer.kill();
    const graceIsOver = attempt.signal.aborted ? delay(unwinding) : undefined;
    await (graceIsOver ? Promise.race([trainer.exit, graceIsOver]) : trainer.exit);
    // Whoever writes into the folder is to be done before it goes; a store that does not answer must not hold a cancelled run.
    await Promise.race([Promise.allSettled([inputs.supplied, uploads.kept()]), graceIsOver ?? delay(UNWINDING_MS)]);
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

type Listener = {
  hear(message: TrainerMessage): void;
  lastHeard(): number;
  where(): string;
  failed?: { kind: string; message: string };
  facts?: Record<string, unknown>;
  made: Record<string, unknown>;
};

/** Turn the trainer's messages into heartbeats and uploads. */
function listen(folder: string, teller: Teller, uploads: Uploads<Checkpoint>): Listener {
  let heard = performance.now();
  let where = 'it was starting';
  const listener: Listener = {
    lastHeard: () => heard,
    where: () => where,
    made: {},
    hear(message) {
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
    },
  };
  return listener;
}

/**
 * Kill a trainer that says nothing for too long though it has something to read. The clock stands while the machine sleeps.
 * @returns whether that happened
 */
function watchForStall(trainer: TrainerProcess, listener: Listener, inputs: Inputs, seconds: number, done: AbortSignal): () => boolean {
  let stalled = false;
  let starved = performance.now();
  const timer = setInterval(async () => {
    if (await inputs.isStarving().catch(() => false)) starved = performance.now();
    if (trainer.hasEnded() || done.aborted || performance.now() - Math.max(starved, listener.lastHeard()) < seconds * 1000) return;
    if (!stalled) trainer.kill();
    stalled = true;
  }, 1_000);
  done.addEventListener('abort', () => clearInterval(timer), { once: true });
  return () => stalled;
}

function after(milliseconds: number, done: AbortSignal, act: () => void): void {
  if (done.aborted) return;
  const timer = setTimeout(act, milliseconds);
  done.addEventListener('abort', () => clearTimeout(timer), { once: true });
}

function exitFailure({ code, signal, forWantOfMemory }: Exit, { failed, where }: Listener, log: string): Failure {
  if (failed && failed.kind in FAILURES) return new Failure(failed.kind as FailureKind, failed.message);
  if (forWantOfMemory) {
    const state = `the kernel ended the trainer for want of memory: ${where()}`;
    return new Failure('OutOfMemory', `Cannot train as network and batch must fit in the memory of the machine: ${state}`);
  }
  const how = signal ? `was ended by ${signal}` : `exited with status ${code}`;
  const said = failed?.message ?? log;
  return new Failure('TrainerCrashed', `Cannot go on as the trainer ${how}: ${where()}${said ? `; it said: ${said}` : ''}`);
}
