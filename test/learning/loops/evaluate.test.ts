import { copyFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { EvaluateJob } from '../../../contracts/trainer.ts';
import { inputFile } from '../../../learning/feed.ts';
import { evaluate } from '../../../learning/loops/evaluate.ts';
import type { ModelScore } from '../../../learning/loops/tally.ts';
import { networkOf } from '../../../learning/networks/network.ts';
import { initialState } from '../../../learning/networks/parameters.ts';
import { saveModel } from '../../../learning/state.ts';
import { tf } from '../../../learning/tensorflow.ts';
import { architecture, CLASSES, scratch, settings, supply, surroundings } from './scratch.ts';

const IMAGES = 64;
const student = architecture({ classes: CLASSES, headLayers: 0 });

/** A folder with 64 test images, 16 of each class, and a student that says [3, 0, 0, 0] of each: its classifier's bias alone decides. */
async function folderOfTests(): Promise<{ folder: string; job: EvaluateJob }> {
  const folder = await scratch();
  const shards = await supply(folder, { images: IMAGES, perShard: 32, epochs: 1 });
  const { parameters } = networkOf(student);
  const state = initialState(parameters, 1);
  for (const { name, role, shape } of parameters.filter(({ part }) => part === 'classifier'))
    state[name] = role === 'bias' ? tf.tensor1d([3, 0, 0, 0]) : tf.zeros(shape);
  await saveModel(join(folder, 'in', 'model-0.safetensors'), state, parameters, student);
  const common = { ...settings().compute, seed: 3, checkpointSeconds: 1e6 };
  return { folder, job: { kind: 'evaluate', models: [{ name: 'student', architecture: student }], shards, ...common } };
}

async function scoreOf(folder: string, job: EvaluateJob): Promise<{ score: ModelScore; probability: number }> {
  await evaluate(job, surroundings(folder));
  const { models, examples } = JSON.parse(await readFile(join(folder, 'out', 'evaluation.json'), 'utf8'));
  return { score: models.student, probability: examples[0].predictions.student.probability };
}

const SURE = Math.exp(3) / (Math.exp(3) + 3); // 0.870

test('evaluate: probabilities as the model gives them', async () => {
  const { folder, job } = await folderOfTests();
  const { score, probability } = await scoreOf(folder, job);
  expect(score).toMatchObject({ accuracy: 0.25, images: IMAGES });
  expect(score.measures.temperature).toBeUndefined();
  expect(score.measures.calibrationError).toBeCloseTo(SURE - 0.25, 5);
  expect(probability).toBeCloseTo(SURE, 5);
});

test('evaluate: with labelled images kept for it, at the temperature that suits those', async () => {
  const { folder, job } = await folderOfTests();
  for (const shard of [0, 1])
    await copyFile(join(folder, 'in', inputFile(0, shard)), join(folder, 'in', `calibration-${shard}.safetensors`));
  const { score, probability } = await scoreOf(folder, { ...job, calibration: { model: 'student', shards: job.shards } });
  // 16 of 64 are of the first class, and two images' worth of trust says 0.870: (16 + 2·0.870) of 66.
  const honest = (16 + 2 * SURE) / 66;
  expect(probability).toBeCloseTo(honest, 4);
  const { temperature, calibrationError, interval } = score.measures;
  expect(calibrationError).toBeCloseTo(honest - 0.25, 4);
  const { value, interval: range } = temperature!;
  expect(temperature).toEqual({ value, interval: range, images: IMAGES, before: expect.closeTo(SURE - 0.25, 5) });
  expect(range[0]).toBeLessThan(value);
  expect(3 / value).toBeCloseTo(Math.log((3 * honest) / (1 - honest)), 3); // softmax of [3/T, 0, 0, 0]
  expect(interval[0]).toBeLessThan(score.accuracy);
});
