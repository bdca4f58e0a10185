import { copyFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Recipe } from '../../../contracts/recipe.ts';
import type { DistillJob, EvaluateJob, FinetuneJob, PretrainJob, ShardFiles } from '../../../contracts/trainer.ts';
import { plainViews } from '../../../contracts/views.ts';
import { distill } from '../../../learning/loops/distill.ts';
import { evaluate } from '../../../learning/loops/evaluate.ts';
import { finetune } from '../../../learning/loops/finetune.ts';
import { pretrain } from '../../../learning/loops/pretrain.ts';
import { readSafetensors } from '../../../learning/safetensors.ts';
import { architecture, CLASSES, pixelsOf, scratch, settings, supply, surroundings } from './scratch.ts';

/** One chain of trainings on 64 striped images of 4 classes, as the pipeline runs it; the tests look at its stages. */
const recipe: Recipe = settings({
  pretrain: {
    epochs: 40,
    batch: 64,
    headLayers: 2,
    projection: 16,
    temperature: 0.5,
    optimizer: 'momentum',
    learningRate: { base: 0.1, scaling: 'none' },
  },
  finetune: { epochs: 60, atLeastSteps: 0, batch: 64, learningRate: { base: 0.1, scaling: 'none' } },
  distill: { epochs: 60, batch: 64, learningRate: { base: 0.1, scaling: 'none' } },
});
const common = { ...settings().compute, seed: 3, checkpointSeconds: 1e6 };
const set = { images: 64, perShard: 32 };
const classifier = architecture({ classes: CLASSES, headLayers: 1 });
const student = architecture({ classes: CLASSES, headLayers: 0 });

async function pretrained(): Promise<{ folder: string; around: ReturnType<typeof surroundings> }> {
  const folder = await scratch();
  const around = surroundings(folder);
  const shards = await supply(folder, { ...set, epochs: 40, views: 2 });
  const job: PretrainJob = { kind: 'pretrain', architecture: architecture(), pretrain: recipe.pretrain, shards, untilEpoch: 40, ...common };
  await pretrain(job, around);
  return { folder, around };
}

async function finetuned(from: string): Promise<{ folder: string; around: ReturnType<typeof surroundings> }> {
  const folder = await scratch();
  const around = surroundings(folder);
  const shards = await supply(folder, { ...set, epochs: 60 });
  await copyFile(join(from, 'out', 'model.safetensors'), join(folder, 'in', 'representation.safetensors'));
  const job: FinetuneJob & { shards: ShardFiles } = {
    kind: 'finetune',
    architecture: classifier,
    baseline: false,
    finetune: recipe.finetune,
    views: plainViews('finetune'),
    shards,
    ...common,
  };
  await finetune(job, around);
  return { folder, around };
}

test('the whole path: pretraining pulls views together, fine-tuning learns all labels, the student follows, the evaluation agrees', async () => {
  const representation = await pretrained();
  const curve = representation.around.heard.checkpoints.at(-1)!.curve;
  const loss = curve.map((point) => point.loss);
  expect(loss[0]).toBeLessThan(Math.log(127)); // what equal embeddings give, ln(2N − 1) = 4.84
  expect(loss.at(-1)).toBeLessThan(loss[0]! - 0.5);
  expect(loss.at(-1)).toBeGreaterThan(2.8633); // the bound at N 64, T 0.5 (method.md §5)
  expect(curve.at(-1)!.accuracy).toBeGreaterThan(0.5);
  expect(curve.at(-1)!.accuracy).toBeGreaterThan(curve[0]!.accuracy! + 0.3);

  const teacher = await finetuned(representation.folder);
  const supervised = teacher.around.heard.checkpoints.at(-1)!.curve;
  expect(supervised[0]!.loss).toBeCloseTo(Math.log(CLASSES), 5); // zeros in the classification layer
  expect(supervised.at(-1)!.accuracy).toBe(1);

  const folder = await scratch();
  const around = surroundings(folder);
  const shards = await supply(folder, { ...set, epochs: 60 });
  await copyFile(join(teacher.folder, 'out', 'model.safetensors'), join(folder, 'in', 'teacher.safetensors'));
  const job: DistillJob = {
    kind: 'distill',
    pretrained: false,
    teacher: classifier,
    architecture: student,
    distill: recipe.distill,
    views: plainViews('distill'),
    shards,
    untilEpoch: 60,
    ...common,
  };
  await distill(job, around);
  expect(around.heard.checkpoints.at(-1)!.curve.at(-1)!.accuracy).toBeGreaterThan(0.9); // agrees with the teacher

  const judged = await scratch();
  const test = await supply(judged, { images: 50, perShard: 20, epochs: 1 });
  await copyFile(join(teacher.folder, 'out', 'model.safetensors'), join(judged, 'in', 'model-0.safetensors'));
  await copyFile(join(folder, 'out', 'model.safetensors'), join(judged, 'in', 'model-1.safetensors'));
  const models = [
    { name: 'classifier', architecture: classifier },
    { name: 'student', architecture: student },
  ];
  const labelled = await supply(judged, { ...set, from: 1, epochs: 2 });
  await copyFile(join(representation.folder, 'out', 'model.safetensors'), join(judged, 'in', 'representation.safetensors'));
  const frozen = { architecture: architecture({ classes: CLASSES, headLayers: 0 }), labelled };
  const evaluation: EvaluateJob = { kind: 'evaluate', models, shards: test, frozen, graded: true, ...common };
  expect(await evaluate(evaluation, surroundings(judged))).toMatchObject({ finished: true, facts: { images: 50 } });

  const { models: scores, examples } = JSON.parse(await readFile(join(judged, 'out', 'evaluation.json'), 'utf8'));
  for (const name of ['knn', 'probe', 'classifier', 'student']) {
    const { accuracy, correct, images, confusion, perClass } = scores[name];
    expect(accuracy).toBeGreaterThan(0.9);
    expect(images).toBe(50);
    expect(accuracy).toBe(correct / 50);
    expect(confusion.flat().reduce((sum: number, value: number) => sum + value, 0)).toBe(50);
    expect(perClass.map((row: { images: number }) => row.images)).toEqual([13, 13, 12, 12]); // image i is of class i modulo 4
    const { interval, balancedAccuracy, auc, kappa } = scores[name].measures;
    expect(interval[0]).toBeLessThanOrEqual(accuracy);
    expect(interval[1]).toBeGreaterThanOrEqual(accuracy);
    expect(balancedAccuracy).toBeGreaterThan(0.9);
    expect(auc).toBeGreaterThan(0.95);
    expect(kappa).toBeGreaterThan(0.8);
  }
  expect(examples).toHaveLength(24);
  const { tensors } = await readSafetensors(join(judged, 'out', 'examples.safetensors'));
  for (const [i, { id, label, predictions }] of examples.entries()) {
    const image = Number(id.replace('image-', ''));
    expect(label).toBe(image % CLASSES);
    expect(Object.keys(predictions)).toEqual(['knn', 'probe', 'classifier', 'student']);
    expect(Buffer.from(tensors.images!.data.subarray(i * 768, (i + 1) * 768)).equals(pixelsOf(image))).toBe(true);
  }
}, 180_000);
