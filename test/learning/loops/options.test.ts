/** Every option of a training reaches its step: with another value other weights come out. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Recipe, type RecipeInput } from '../../../contracts/recipe.ts';
import type { Architecture, DistillJob, FinetuneJob, PretrainJob } from '../../../contracts/trainer.ts';
import { plainViews, Views } from '../../../contracts/views.ts';
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

/** The baseline goes by its part of `finetune`. */
type Training = 'pretrain' | 'finetune' | 'baseline' | 'distill';
const sectionOf = (training: Training) => (training === 'baseline' ? 'finetune' : training);

/** Digest of the weights after two steps on eight images a batch. */
async function weightsAfter(training: Training, options: object, views = Views.parse({})): Promise<string> {
  const section = sectionOf(training);
  const usual = { epochs: 1, batch: 8, ...(section === 'finetune' ? { atLeastSteps: 0 } : { warmupEpochs: 0 }) };
  const input = { name: 'x', images: { train: 'x' }, finetune: { fromHeadLayer: 0 }, [section]: { ...usual, ...options } } as RecipeInput;
  const recipe = Recipe.parse(input);
  const folder = await scratch();
  const shards = await supply(folder, { images: 16, perShard: 16, epochs: 3, views: section === 'pretrain' ? 2 : 1 });
  const common = { ...recipe.compute, shards, seed: 1, checkpointSeconds: 1e6 };
  const around = surroundings(folder, Infinity, 'eager');
  if (section === 'pretrain') {
    const { headLayers } = recipe.pretrain;
    const job: PretrainJob = {
      kind: 'pretrain',
      architecture: architecture({ headLayers }),
      pretrain: recipe.pretrain,
      untilEpoch: recipe.pretrain.epochs,
      ...common,
    };
    await pretrain(job, around);
  } else if (section === 'finetune') {
    const classImages = recipe.finetune.classWeights === 'balanced' ? [8, 4, 2, 2] : undefined;
    const job: FinetuneJob = {
      kind: 'finetune',
      architecture: classifier,
      baseline: training === 'baseline',
      finetune: recipe.finetune,
      views: plainViews('finetune', views),
      classImages,
      ...common,
    };
    await writeModel(join(folder, 'in', 'representation.safetensors'), architecture());
    await finetune(job, around);
  } else {
    await writeModel(join(folder, 'in', 'teacher.safetensors'), classifier);
    const student = architecture({ classes: CLASSES, headLayers: 0 });
    const rest = { teacher: classifier, architecture: student, pretrained: false, untilEpoch: recipe.distill.epochs };
    await distill(
      { kind: 'distill', distill: recipe.distill, views: plainViews('distill', views), ...rest, ...common } satisfies DistillJob,
      around,
    );
  }
  return sha256(await readFile(join(folder, 'out', 'model.safetensors')));
}

/** A model; a classifier is sure of some of its answers. */
async function writeModel(file: string, of: Architecture): Promise<void> {
  const { parameters } = networkOf(of);
  const drawn = initialState(parameters, 7);
  const sure = { 'classifier/dense/kernel': tf.randomNormal([64, CLASSES], 0, 1, 'float32', 5) };
  await saveModel(file, of.classes > 0 ? { ...drawn, ...sure } : drawn, parameters, of);
  tf.dispose([drawn, sure]);
}

/** Of every training, whatever it is. */
const COMMON = [{}, { epochs: 2 }, { batch: 4 }, { accumulate: 2 }];
/** Of its optimizer. */
const RATES = [
  adamw,
  { optimizer: 'lars' },
  { optimizer: 'momentum' },
  { optimizer: 'lars', weightDecay: 0.5 },
  { optimizer: 'lars', learningRate: { base: 0.3 } },
  { optimizer: 'lars', learningRate: { base: 0.3, scaling: 'linear' } },
  { optimizer: 'lars', learningRate: { base: 0.3, scaling: 'none' } },
];
/** Each list: options that are not its defaults, each other's weights than all the others. */
const OPTIONS: Record<Training, object[]> = {
  pretrain: [
    ...COMMON,
    ...RATES.filter(({ optimizer, ...rest }) => optimizer !== 'lars' || Object.keys(rest).length > 0), // lars is the default
    { temperature: 0.5 },
    { warmupEpochs: 1 },
    { memory: { size: 8 } },
    { memory: { size: 16 } },
    { memory: { size: 8, decay: 0 } },
    { headLayers: 0, memory: { size: 8 } },
  ],
  finetune: [
    ...COMMON,
    ...RATES.filter(({ optimizer }) => optimizer === 'lars'),
    adamw,
    { weightDecay: 0.5 },
    { learningRate: { base: 0.3, scaling: 'linear' } },
    { headLearningRateFactor: 10 },
    { headLearningRateFactor: 0.1 },
    { atLeastSteps: 5 },
    { train: 'head' },
    { train: { afterGroup: 2 } },
    { labelSmoothing: 0.1 },
    { classifierInit: 'uniform' },
    { classWeights: 'balanced' },
    { contrastive: { weight: 0.5 } },
    { contrastive: { weight: 0.2 } },
    { contrastive: { weight: 0.5, temperature: 1 } },
  ],
  baseline: [
    {},
    { baseline: { weightDecay: 0.5 } },
    { baseline: { learningRate: { base: 0.3, scaling: 'linear' } } },
    { baseline: { learningRate: { base: 0.3, scaling: 'none' } } },
    { labelSmoothing: 0.1 },
    { classifierInit: 'uniform' },
    { baseline: { optimizer: 'lars' } },
    { baseline: adamw },
  ],
  distill: [
    ...COMMON,
    ...RATES.filter(({ optimizer }) => optimizer !== 'momentum'), // the default
    { weightDecay: 0.5 },
    { learningRate: { base: 0.3, scaling: 'linear' } },
    { temperature: 3 },
    { labelled: 0.5 },
    { warmupEpochs: 1 },
  ],
};

test.each(Object.entries(OPTIONS) as [Training, object[]][])('%s: each of its options gives other weights', async (training, options) => {
  const weights: [string, object][] = [];
  for (const option of options) weights.push([await weightsAfter(training, option), option]);
  const alike = weights.filter(([digest], i) => weights.findIndex(([other]) => other === digest) !== i).map(([, option]) => option);
  expect(alike).toEqual([]);
  expect(await weightsAfter(training, {})).toBe(weights[0]?.[0]);
});

test.each(['finetune', 'baseline', 'distill'] as const)('%s: sees its images as the views of the recipe say', async (training) => {
  const laws: Parameters<typeof Views.parse>[0][] = [
    {},
    { crop: 'torchvision' },
    { minArea: 0.5 },
    { flip: 0 },
    { verticalFlip: 0.5 },
    { rotation: 45 },
  ];
  const weights = new Set<string>();
  for (const views of laws) weights.add(await weightsAfter(training, {}, Views.parse(views)));
  expect(weights.size).toBe(laws.length);
});
