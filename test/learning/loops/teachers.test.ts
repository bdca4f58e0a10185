/** Several teachers of one student. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { DistillJob } from '../../../contracts/trainer.ts';
import { plainViews } from '../../../contracts/views.ts';
import { distill } from '../../../learning/loops/distill.ts';
import { networkOf } from '../../../learning/networks/network.ts';
import { initialState } from '../../../learning/networks/parameters.ts';
import { binding } from '../../../learning/ops/native.ts';
import { saveModel } from '../../../learning/state.ts';
import { tf } from '../../../learning/tensorflow.ts';
import { noise } from '../tensors.ts';
import { architecture, CLASSES, scratch, settings, supply, surroundings } from './scratch.ts';

const teacher = architecture({ classes: CLASSES, headLayers: 1 });
const recipe = settings({ distill: { epochs: 2, batch: 6 } });

/** The student of teachers with these seeds, as bytes, and the last loss of its training. */
async function studentOf(seeds: number[]): Promise<{ bytes: Buffer; loss: number }> {
  const folder = await scratch();
  const { parameters } = networkOf(teacher);
  for (const [i, seed] of seeds.entries()) {
    const state = initialState(parameters, seed);
    state['classifier/dense/bias']?.dispose();
    state['classifier/dense/bias'] = noise([CLASSES], seed); // a fresh network answers nothing else
    await saveModel(join(folder, 'in', i === 0 ? 'teacher.safetensors' : `teacher-${i}.safetensors`), state, parameters, teacher);
    tf.dispose(state);
  }
  const shards = await supply(folder, { images: 12, perShard: 12, epochs: 2 });
  const job: DistillJob = {
    ...recipe.compute,
    kind: 'distill',
    teacher,
    teachers: seeds.length,
    architecture: architecture({ classes: CLASSES, headLayers: 0 }),
    pretrained: false,
    distill: recipe.distill,
    views: plainViews('distill'),
    shards,
    untilEpoch: 2,
    seed: 5,
    checkpointSeconds: 1e6,
  };
  const { facts } = await distill(job, surroundings(folder));
  return { bytes: await readFile(join(folder, 'out', 'model.safetensors')), loss: Number(facts.loss) };
}

test('distill: a second teacher changes the student, unless it is the first one again', async () => {
  const [alone, twice, both] = [await studentOf([1]), await studentOf([1, 1]), await studentOf([1, 2])];
  expect(twice.loss).toBeCloseTo(alone.loss, 5);
  expect(Math.abs(both.loss - alone.loss)).toBeGreaterThan(1e-3);
  expect(both.bytes.equals(alone.bytes)).toBe(false);
});

test('distill: with several teachers no tensor is left behind', async () => {
  await studentOf([1, 2]);
  const before = [tf.memory().numTensors, binding().getNumOfTensors()];
  await studentOf([1, 2]);
  expect([tf.memory().numTensors, binding().getNumOfTensors()]).toEqual(before);
});
