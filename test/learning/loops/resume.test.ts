import { copyFile, mkdir, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, test, vi } from 'vitest';
import type { Failure } from '../../../contracts/failures.ts';
import type { DistillJob, FinetuneJob, PretrainJob, ShardFiles, ViewSettings } from '../../../contracts/trainer.ts';
import { plainViews } from '../../../contracts/views.ts';
import { distill } from '../../../learning/loops/distill.ts';
import { finetune } from '../../../learning/loops/finetune.ts';
import type { Surroundings } from '../../../learning/loops/log.ts';
import { pretrain } from '../../../learning/loops/pretrain.ts';
import type { Outcome } from '../../../learning/loops/train.ts';
import { networkOf } from '../../../learning/networks/network.ts';
import { initialState } from '../../../learning/networks/parameters.ts';
import { binding } from '../../../learning/ops/native.ts';
import { readSafetensors } from '../../../learning/safetensors.ts';
import { saveModel } from '../../../learning/state.ts';
import type { Execution } from '../../../learning/steps/step.ts';
import { tf } from '../../../learning/tensorflow.ts';
import { architecture, CLASSES, scratch, settings, supply, surroundings } from './scratch.ts';

const recipe = settings({
  pretrain: { epochs: 3, batch: 6, headLayers: 2, projection: 16 },
  finetune: { epochs: 3, atLeastSteps: 0, batch: 6 },
  distill: { epochs: 3, batch: 6, labelled: 0.3, optimizer: 'adamw', learningRate: { base: 0.001, scaling: 'none' } },
});
const common = { ...recipe.compute, seed: 5, checkpointSeconds: 1e6 };
const classifier = architecture({ classes: CLASSES, headLayers: 1 });

type Started = { resume?: string; untilEpoch?: number; checkpointSeconds?: number };
type Case = {
  views: 1 | 2;
  prepare(folder: string): Promise<void>;
  run(shards: ShardFiles, around: Surroundings, more: Started): Promise<Outcome>;
};

/** Pretraining, of views that were written before or of images. */
function pretraining(views?: ViewSettings, changes: Partial<PretrainJob['pretrain']> = {}): Case {
  return {
    views: views ? 1 : 2,
    prepare: async () => undefined,
    run(shards, around, more) {
      const job: PretrainJob = {
        kind: 'pretrain',
        architecture: architecture(),
        pretrain: { ...recipe.pretrain, ...changes },
        shards,
        views,
        untilEpoch: 3,
        ...common,
        ...more,
      };
      return pretrain(job, around);
    },
  };
}

/** 13 images, 6 a batch: 2 steps an epoch, 6 in all, and one image left out of each epoch. */
const cases: Record<string, Case> = {
  pretrain: pretraining(),
  'pretrain on device': pretraining({ kind: 'simclr', jitter: 0.5, minArea: 0.08, blur: false }),
  'pretrain with a memory': pretraining(undefined, { memory: { size: 10, decay: 0.9 } }),
  finetune: {
    views: 1,
    prepare: (folder) => writeModel(join(folder, 'in', 'representation.safetensors'), architecture(), 6),
    run(shards, around, more) {
      const job: FinetuneJob & { shards: ShardFiles } = {
        kind: 'finetune',
        architecture: classifier,
        baseline: false,
        finetune: recipe.finetune,
        views: plainViews('finetune'),
        shards,
        ...common,
        ...more,
      };
      return finetune(job, around);
    },
  },
  distill: {
    views: 1,
    prepare: (folder) => writeModel(join(folder, 'in', 'teacher.safetensors'), classifier, 7),
    run(shards, around, more) {
      const student = architecture({ classes: CLASSES, headLayers: 0 });
      const job: DistillJob = {
        kind: 'distill',
        pretrained: false,
        teacher: classifier,
        architecture: student,
        distill: recipe.distill,
        views: plainViews('distill'),
        shards,
        untilEpoch: 3,
        ...common,
        ...more,
      };
      return distill(job, around);
    },
  },
};

async function writeModel(file: string, of: typeof classifier, seed: number): Promise<void> {
  const { parameters } = networkOf(of);
  const state = initialState(parameters, seed);
  await saveModel(file, state, parameters, of);
  tf.dispose(state);
}

async function folderFor({ views, prepare }: Case, from = 0): Promise<{ folder: string; shards: ShardFiles }> {
  const folder = await scratch();
  await prepare(folder);
  return { folder, shards: await supply(folder, { images: 13, perShard: 5, epochs: 3, from, views }) };
}

/** Meanwhile what is written takes so many milliseconds to reach the disk. */
async function withSlowDisk(milliseconds: number, work: () => Promise<void>): Promise<void> {
  const handle = await open(fileURLToPath(import.meta.url));
  const flush = vi.spyOn(Object.getPrototypeOf(handle), 'sync').mockImplementation(() => sleep(milliseconds));
  await handle.close();
  await work().finally(() => flush.mockRestore());
}

const out = (folder: string, file: string) => readFile(join(folder, 'out', file));

const LAST = 'checkpoint-00000006.safetensors';

describe.each(Object.entries(cases))('%s', (name, each) => {
  const known = new Map<Execution, Promise<Buffer[]>>();
  /** Last checkpoint and model of one that was never stopped. */
  const straightOf = (execution: Execution): Promise<Buffer[]> => {
    const running = known.get(execution) ?? straight(execution);
    known.set(execution, running);
    return running;
  };
  const straight = async (execution: Execution) => {
    const { folder, shards } = await folderFor(each);
    expect((await each.run(shards, surroundings(folder, Infinity, execution), {})).finished).toBe(true);
    return Promise.all([out(folder, LAST), out(folder, 'model.safetensors')]);
  };

  test.each([
    [3, 'float32'],
    [4, 'float32'],
    [3, 'bfloat16'],
  ] as const)(`${name}: stopped after step %i and resumed gives the same bytes as never stopped, in %s`, async (stopAt, execution) => {
    const [checkpoint, model] = (await straightOf(execution)) as [Buffer, Buffer];
    const first = await folderFor(each);
    const interrupted = surroundings(first.folder, stopAt, execution);
    expect((await each.run(first.shards, interrupted, {})).finished).toBe(false);
    expect(interrupted.heard.checkpoints.map(({ step, epoch, final }) => ({ step, epoch, final }))).toEqual([
      { step: stopAt, epoch: Math.floor(stopAt / 2), final: false },
    ]);

    const second = await folderFor(each, Math.floor(stopAt / 2)); // inputs from the epoch that the checkpoint names
    await copyFile(join(first.folder, 'out', interrupted.heard.checkpoints[0]!.file), join(second.folder, 'in', 'resume.safetensors'));
    const resumed = surroundings(second.folder, Infinity, execution);
    expect((await each.run(second.shards, resumed, { resume: 'resume.safetensors' })).finished).toBe(true);

    expect(resumed.heard.checkpoints.map(({ file, final }) => ({ file, final }))).toEqual([{ file: LAST, final: true }]);
    expect((await out(second.folder, LAST)).equals(checkpoint)).toBe(true);
    expect((await out(second.folder, 'model.safetensors')).equals(model)).toBe(true);
  });

  test(`${name}: a run leaves no tensor behind`, async () => {
    const { folder, shards } = await folderFor(each);
    const before = [tf.memory().numTensors, binding().getNumOfTensors()];
    await each.run(shards, surroundings(folder), {});
    expect([tf.memory().numTensors, binding().getNumOfTensors()]).toEqual(before);
  });
});

describe('pretrain: segments and checkpoints', () => {
  const each = cases.pretrain!;

  test('pretrain: a segment ends with a final checkpoint of its epoch and no model', async () => {
    const { folder, shards } = await folderFor(each);
    const around = surroundings(folder);
    expect((await each.run(shards, around, { untilEpoch: 2 })).finished).toBe(true);
    expect(around.heard.checkpoints).toMatchObject([{ step: 4, epoch: 2, final: true }]);
    await expect(out(folder, 'model.safetensors')).rejects.toThrow(/ENOENT/);
  });

  test('pretrain: a job whose epochs are all done writes the model and nothing else', async () => {
    const { folder, shards } = await folderFor(each);
    await each.run(shards, surroundings(folder), {});
    const again = await scratch();
    await copyFile(join(folder, 'out', 'checkpoint-00000006.safetensors'), join(again, 'in', 'resume.safetensors'));
    const around = surroundings(again);
    expect(await each.run(shards, around, { resume: 'resume.safetensors' })).toMatchObject({ finished: true });
    expect(around.heard.checkpoints).toEqual([]);
    expect((await out(again, 'model.safetensors')).equals(await out(folder, 'model.safetensors'))).toBe(true);
  });

  test('pretrain: writes a checkpoint whenever so many seconds of its clock have passed and none is being written', async () => {
    const { folder, shards } = await folderFor(each);
    const around = surroundings(folder);
    await each.run(shards, around, { checkpointSeconds: 1 }); // the clock goes on by two seconds a look
    const steps = around.heard.checkpoints.map(({ step }) => step);
    expect([steps[0], steps.at(-1)]).toEqual([1, 6]);
    expect(steps).toEqual([...new Set(steps)].sort());
    expect(around.heard.checkpoints.map(({ final }) => final)).toEqual(steps.map((step) => step === 6));
  });

  test('pretrain: steps go on while a checkpoint is written, and its bytes are those of its own step', async () => {
    const stopped = await folderFor(each);
    await each.run(stopped.shards, surroundings(stopped.folder, 1), {});
    const { folder, shards } = await folderFor(each);
    await withSlowDisk(500, async () => {
      const around = surroundings(folder);
      const taken: number[] = [];
      const onCheckpoint = (checkpoint: Parameters<typeof around.onCheckpoint>[0]) => {
        around.onCheckpoint(checkpoint);
        taken.push(around.heard.progress.at(-1)?.step ?? 0);
      };
      await each.run(shards, { ...around, onCheckpoint }, { checkpointSeconds: 1 });
      expect(around.heard.checkpoints[0]?.step).toBe(1);
      expect(taken[0]).toBeGreaterThan(1);
    });
    const first = 'checkpoint-00000001.safetensors';
    expect((await out(folder, first)).equals(await out(stopped.folder, first))).toBe(true);
  });

  test('pretrain: a checkpoint that cannot be written fails the training', async () => {
    const { folder, shards } = await folderFor(each);
    await mkdir(join(folder, 'out', 'checkpoint-00000001.safetensors')); // nothing can be renamed to that
    const around = surroundings(folder);
    await expect(each.run(shards, around, { checkpointSeconds: 1 })).rejects.toThrow(/checkpoint-00000001/);
    expect(around.heard.checkpoints).toEqual([]);
  });

  test('pretrain: is told to stop while it waits for a file, and returns', async () => {
    const folder = await scratch();
    const around = surroundings(folder);
    const running = each.run([{ images: 12 }], around, {});
    around.heard.stop.abort();
    expect(await running).toMatchObject({ finished: false, facts: { steps: 0 } });
  });

  test('pretrain: progress and curve tell step, epoch, loss and learning rate', async () => {
    const { folder, shards } = await folderFor(each);
    const around = surroundings(folder);
    await each.run(shards, around, {});
    expect(around.heard.progress.map(({ step, steps, epoch, epochs, images }) => [step, steps, epoch, epochs, images])).toEqual(
      [1, 2, 3, 4, 5, 6].map((step) => [step, 6, Math.floor(step / 2), 3, 6 * step]),
    );
    const curve = around.heard.checkpoints.at(-1)!.curve;
    expect(curve.map(({ step, epoch }) => [step, epoch])).toEqual([1, 2, 3, 4, 5, 6].map((step) => [step, step / 2]));
    expect(curve[0]).toMatchObject({ learningRate: 0 }); // the first step of a warm-up
  });
});

test('pretrain: the representation is the trained network, not the averaged one of the memory', async () => {
  const { folder, shards } = await folderFor(cases.pretrain!);
  await pretraining(undefined, { memory: { size: 10, decay: 0.9 } }).run(shards, surroundings(folder), {});
  const { tensors } = await readSafetensors(join(folder, 'out', 'checkpoint-00000006.safetensors'));
  const model = await readSafetensors(join(folder, 'out', 'model.safetensors'));
  const { parameters } = networkOf(architecture());
  expect(Object.keys(model.tensors).sort()).toEqual(parameters.map(({ name }) => name).sort());
  for (const { name } of parameters) expect(model.tensors[name]!.data, name).toEqual(tensors[name]!.data);
  const kernel = 'encoder/stem/conv/kernel';
  expect(tensors[`memory/${kernel}`]!.data).not.toEqual(tensors[kernel]!.data);
  expect(tensors['memory/queue']!.shape).toEqual([10, 16]);
});

test.each([
  [0, 1e6],
  [1, 1], // the first step of a warm-up moves nothing, so its checkpoint is good
])(
  'pretrain: a learning rate beyond reason after %i epochs of warm-up ends as TrainingDiverged and names the last good checkpoint',
  async (warmupEpochs, checkpointSeconds) => {
    const { folder, shards } = await folderFor(cases.pretrain!);
    const learningRate = { base: 1e30, scaling: 'none' as const };
    const wild = { ...recipe.pretrain, optimizer: 'momentum' as const, warmupEpochs, learningRate };
    const job: PretrainJob = { kind: 'pretrain', architecture: architecture(), pretrain: wild, shards, untilEpoch: 3, ...common };
    const around = surroundings(folder);
    const failure = await pretrain({ ...job, checkpointSeconds }, around).catch((error: Failure) => error);
    const last = around.heard.checkpoints.at(-1)?.step;
    expect(last === undefined).toBe(warmupEpochs === 0);
    expect(failure).toMatchObject({
      kind: 'TrainingDiverged',
      message: expect.stringContaining(last ? `the checkpoint of step ${last} was the last good one` : 'there is no checkpoint'),
    });
    expect((failure as Failure).message).toMatch(/\. Lower pretrain\.learningRate\.base$/);
  },
);
