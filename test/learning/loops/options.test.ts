/** Every option of a training reaches its step: with another value other weights come out. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Recipe, type RecipeInput } from '../../../contracts/recipe.ts';
import type { DistillJob, FinetuneJob, PretrainJob } from '../../../contracts/trainer.ts';
import { distill } from '../../../learning/loops/distill.ts';
import { finetune } from '../../../learning/loops/finetune.ts';
import { pretrain } from '../../../learning/loops/pretrain.ts';
import { networkOf } from '../../../learning/networks/network.ts';
import { initialState } from '../../../learning/networks/parameters.ts';
import { saveModel } from '../../../learning/state.ts';
import { tf } from '../../../learning/tensorflow.ts';
import { sha256 } from '../../../store/digest.ts';
import { architecture, CLASSES, scratch, supply, surroundings } from './scratch.ts';

const classifier = architecture({ classes: CLASSES, headLayers: 1 });
const adamw = { optimizer: 'adamw' as const, learningRate: { base: 0.001, scaling: 'none' as const } };

type Section = 'pretrain' | 'finetune' | 'distill';

/** Digest of the weights after two steps on eight images a batch. */
async function weightsAfter(section: Section, options: object): Promise<string> {
  const usual = { epochs: 1, batch: 8, ...(section === 'finetune' ? { atLeastSteps: 0 } : { warmupEpochs: 0 }) };
  const input = { name: 'x', images: { train: 'x' }, finetune: { fromHeadLayer: 0 }, [section]: { ...usual, ...options } } as RecipeInput;
  const recipe = Recipe.parse(input);
  const folder = await scratch();
  const shards = await supply(folder, { images: 16, perShard: 16, epochs: 1, views: section === 'pretrain' ? 2 : 1 });
  const common = { ...recipe.compute, shards, seed: 1, checkpointSeconds: 1e6 };
  const around = surroundings(folder, Infinity, 'eager');
  if (section === 'pretrain') {
    const { headLayers } = recipe.pretrain;
    const job: PretrainJob = {
      kind: 'pretrain',
      architecture: architecture({ headLayers }),
      pretrain: recipe.pretrain,
      untilEpoch: 1,
      ...common,
    };
    await pretrain(job, around);
  } else if (section === 'finetune') {
    const classImages = recipe.finetune.classWeights === 'balanced' ? [8, 4, 2, 2] : undefined;
    const job: FinetuneJob = {
      kind: 'finetune',
      architecture: classifier,
      baseline: true,
      finetune: baselined(recipe),
      classImages,
      ...common,
    };
    await finetune(job, around);
  } else {
    await writeTeacher(folder);
    const student = architecture({ classes: CLASSES, headLayers: 0 });
    const rest = { teacher: classifier, architecture: student, pretrained: false, untilEpoch: 1 };
    await distill({ kind: 'distill', distill: recipe.distill, ...rest, ...common } satisfies DistillJob, around);
  }
  return sha256(await readFile(join(folder, 'out', 'model.safetensors')));
}

/** The baseline at the rate of the fine-tuning. */
const baselined = ({ finetune: settings }: Recipe) => ({
  ...settings,
  baseline: { learningRate: settings.learningRate, weightDecay: settings.weightDecay },
});

async function writeTeacher(folder: string): Promise<void> {
  const { parameters } = networkOf(classifier);
  const state = { ...initialState(parameters, 7), 'classifier/dense/kernel': tf.ones([64, CLASSES]) };
  await saveModel(join(folder, 'in', 'teacher.safetensors'), state, parameters, classifier);
  tf.dispose(state);
}

const OPTIONS: Record<Section, object[]> = {
  pretrain: [
    {},
    adamw,
    { memory: { size: 8 } },
    { memory: { size: 16 } },
    { memory: { size: 8, decay: 0 } },
    { accumulate: 2 },
    { headLayers: 0, memory: { size: 8 } },
  ],
  finetune: [
    {},
    { ...adamw, baseline: { learningRate: adamw.learningRate } },
    { labelSmoothing: 0.1 },
    { classWeights: 'balanced' },
    { contrastive: { weight: 0.5 } },
    { contrastive: { weight: 0.2 } },
    { contrastive: { weight: 0.5, temperature: 1 } },
    { accumulate: 2 },
  ],
  distill: [{}, adamw, { accumulate: 2 }],
};

test.each(Object.entries(OPTIONS) as [Section, object[]][])('%s: each of its options gives other weights', async (section, options) => {
  const weights: string[] = [];
  for (const option of options) weights.push(await weightsAfter(section, option));
  expect(new Set(weights).size).toBe(options.length);
  expect(await weightsAfter(section, {})).toBe(weights[0]);
});
