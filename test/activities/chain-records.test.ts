/** What a training leaves in the store, its trainers played: checkpoints are announced and nothing is trained. */
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, test, vi } from 'vitest';
import { MODEL_FILE, trainSegment } from '../../activities/chain.ts';
import type { TrainerRun } from '../../activities/trainer.ts';
import type { Hardware, PretrainJob } from '../../contracts/trainer.ts';
import { type Artifacts, openArtifacts } from '../../store/artifacts.ts';
import { openMemory } from '../../store/memory.ts';

const identity = { stage: 'representation' as const, key: 'chain', slice: {}, inputs: [] };
const EPOCHS = 10;
const HERE: Hardware = { tensorflow: '2.21.0', device: 'CPU', processor: 'a processor', threads: 2, precision: 'float32' };

/** What the next trainer does: a checkpoint after each of these epochs, which are one step long. */
const played = vi.hoisted(() => ({ folder: '', epochs: [] as number[], hardware: {} }));
vi.mock('../../activities/trainer.ts', () => ({
  async superviseTrainer<T>(run: TrainerRun<T>): Promise<T> {
    const { folder, epochs, hardware } = played;
    for (const step of epochs) {
      await run.onCheckpoint?.(
        join(folder, 'checkpoint'),
        { type: 'checkpoint', step, epoch: step, file: '', curve: [], final: false },
        hardware,
      );
    }
    return run.onDone(folder, { curve: [] }, { ...hardware, waitedSeconds: 1 });
  },
}));

let artifacts: Artifacts;

beforeEach(async () => {
  artifacts = openArtifacts(openMemory(), {});
  played.folder = await mkdtemp(join(tmpdir(), 'fewlabels-test-'));
  await mkdir(join(played.folder, 'out'));
  for (const file of ['checkpoint', join('out', MODEL_FILE)]) await writeFile(join(played.folder, file), 'weights');
});

/** @param epochs  in which order: the last one ends the segment */
async function train(epochs: number[], hardware = HERE, job: Partial<PretrainJob> = {}): Promise<void> {
  Object.assign(played, { epochs, hardware });
  const until = epochs.at(-1) ?? 0;
  const { signal } = new AbortController();
  const nothing = () => undefined;
  await trainSegment(
    { kind: 'representation', identity, epochs: EPOCHS, until, files: [], supply: () => [], job: job as PretrainJob },
    { progress: nothing, signal, check: nothing, warn: nothing, number: 1, run: 'run' },
    { artifacts, scratch: join(played.folder, 'scratch'), environment: {}, stallSeconds: 600 },
  );
}

/** Of the model, or else of the newest checkpoint. */
async function machines(): Promise<unknown> {
  const { manifests } = await artifacts.checkpoints(identity.stage, identity.key);
  return ((await artifacts.find(identity.stage, identity.key)) ?? manifests[0])?.made.machines;
}

test('trainSegment: gone on with by trainers on one kind of machine, the record names that machine once', async () => {
  const once = [{ ...HERE, from: 0 }];
  for (const epochs of [[1, 2], [3], [4, EPOCHS]]) {
    await train(epochs);
    expect(await machines()).toEqual(once);
  }
});

test('trainSegment: gone on with on another kind of machine, the record says from which step, to the model', async () => {
  const there = { ...HERE, threads: 4 };
  await train([1, 2]);
  const both = [
    { ...HERE, from: 0 },
    { ...there, from: 2 },
  ];
  for (const epochs of [[3, 4], [5]]) {
    await train(epochs, there);
    expect(await machines()).toEqual(both);
  }
  await train([EPOCHS]);
  expect(await machines()).toEqual([...both, { ...HERE, from: 5 }]);
});

test('trainSegment: as many checkpoints stay as the recipe wants, the newest two where it says nothing', async () => {
  const steps = async () => (await artifacts.checkpoints(identity.stage, identity.key)).manifests.map(({ facts }) => facts.step);
  await train([1, 2, 3, 4], HERE, { keepCheckpoints: { last: 2, every: 2 } });
  expect(await steps()).toEqual([4, 3, 1]);
  await train([5]);
  expect(await steps()).toEqual([5, 4]);
});
