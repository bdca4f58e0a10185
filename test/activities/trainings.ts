/** A small pretraining by real trainers, on a store in memory that can be away, refuse, and lose or damage what it holds. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import type { Attempt } from '../../activities/attempt.ts';
import { type Training, trainSegment } from '../../activities/chain.ts';
import { shardFiles } from '../../activities/shardset.ts';
import type { TrainerSettings } from '../../activities/trainer.ts';
import type { Failure } from '../../contracts/failures.ts';
import type { Beat } from '../../contracts/progress.ts';
import type { PretrainJob } from '../../contracts/trainer.ts';
import { inputFile, windowImages } from '../../learning/feed.ts';
import { openArtifacts } from '../../store/artifacts.ts';
import { openMemory } from '../../store/memory.ts';
import type { Store } from '../../store/store.ts';
import { TRAINER_ENVIRONMENT } from '../../workers/trainer-environment.ts';
import { architecture, SIZE, scratch, settings, supply } from '../learning/loops/scratch.ts';

export const IDENTITY = { stage: 'representation' as const, key: 'chain', slice: {}, inputs: [] };

/** `problem`: what every operation throws meanwhile; with `silent` none is ever over. */
export type FragileStore = Store & { problem: Failure | undefined; silent: boolean };

export function openFragile(): FragileStore {
  const store = openMemory();
  const state = { problem: undefined as Failure | undefined, silent: false };
  const guarded =
    <Given extends unknown[], Result>(work: (...given: Given) => Promise<Result>) =>
    async (...given: Given): Promise<Result> => {
      if (state.problem) throw state.problem;
      if (state.silent) await new Promise(() => undefined);
      return work(...given);
    };
  const { put, putIfAbsent, get, stream, remove } = store;
  return Object.assign(state, {
    ...store,
    put: guarded(put),
    putIfAbsent: guarded(putIfAbsent),
    get: guarded(get),
    stream: guarded(stream),
    remove: guarded(remove),
  });
}

/** Time that real trainers have on a busy machine, milliseconds. */
export const PATIENCE = 300_000;

export type Trial = { attempt: Attempt; beats: Beat[]; warnings: string[]; cancel(): void };

/** One attempt, with what it told. */
export function trial(): Trial {
  const [beats, warnings, cancelling]: [Beat[], string[], AbortController] = [[], [], new AbortController()];
  const { signal } = cancelling;
  const check = () => signal.throwIfAborted();
  const warn = (text: string) => void warnings.push(text);
  const attempt = { progress: (beat: Beat) => void beats.push(beat), signal, check, warn, number: 1, run: 'run' };
  return { attempt, beats, warnings, cancel: () => cancelling.abort() };
}

const IMAGES = 12;
const BATCH = 6;
export const STEPS_PER_EPOCH = IMAGES / BATCH;

/** Pretraining on twelve images, two steps an epoch; views are the same in each, as nobody minds. */
export async function pretraining(store: Store, epochs: number, more: Partial<TrainerSettings> = {}) {
  const made = await scratch();
  const shards = await supply(made, { images: IMAGES, perShard: IMAGES, epochs: 1, views: 2 });
  const bytes = new Uint8Array(await readFile(join(made, 'in', inputFile(0, 0))));
  const folder = await mkdtemp(join(tmpdir(), 'fewlabels-test-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const environment = { ...TRAINER_ENVIRONMENT, PATH: process.env.PATH ?? '' };
  const supervisor = { artifacts: openArtifacts(store, {}), scratch: folder, environment, stallSeconds: 600, againSeconds: 0.2, ...more };
  const recipe = settings({ pretrain: { epochs, batch: BATCH, headLayers: 2, projection: 16 } });
  const job: PretrainJob = {
    kind: 'pretrain',
    architecture: architecture({ encoder: { depth: 18, width: 0.0625, stem: 'small' } }),
    pretrain: recipe.pretrain,
    shards,
    untilEpoch: epochs,
    seed: 5,
    ...recipe.compute,
    threads: 1,
    checkpointSeconds: 0,
  };
  const cut = { shards, seed: job.seed, batch: BATCH, stepsPerEpoch: STEPS_PER_EPOCH, windowImages: windowImages(SIZE, 2) };
  const training = (segment: { from: number; to: number }, changes: Partial<Training<'representation'>>): Training<'representation'> => ({
    kind: 'representation',
    identity: IDENTITY,
    epochs,
    from: segment.from,
    until: segment.to,
    files: [],
    *supply(step) {
      for (const { name } of shardFiles(cut, step, segment.to)) yield { name, content: bytes };
    },
    job: { ...job, untilEpoch: segment.to },
    ...changes,
  });
  return {
    artifacts: supervisor.artifacts,
    scratch: folder,
    /** The view file of an epoch. */
    views: (epoch: number) => ({ name: inputFile(epoch, 0), content: bytes }),
    job,
    /** The trainer at work, once there is one. */
    async trainer(): Promise<number> {
      for (;;) {
        const [own = ''] = await readdir(folder);
        const word = await readFile(join(folder, own, 'trainer.json'), 'utf8').catch(() => '');
        if (word.endsWith('}')) return (JSON.parse(word) as { pid: number }).pid;
        await sleep(50);
      }
    },
    train: (of: Trial, segment = { from: 0, to: epochs }, changes: Partial<Training<'representation'>> = {}) =>
      trainSegment(training(segment, changes), of.attempt, supervisor),
  };
}
