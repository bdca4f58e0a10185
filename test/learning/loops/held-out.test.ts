/** Fine-tuning that is judged by labelled images kept back. */
import { copyFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { FinetuneJob, ShardFiles } from '../../../contracts/trainer.ts';
import { plainViews } from '../../../contracts/views.ts';
import { finetune } from '../../../learning/loops/finetune.ts';
import { networkOf } from '../../../learning/networks/network.ts';
import { bytesTensor } from '../../../learning/ops/native.ts';
import { loadModel } from '../../../learning/state.ts';
import { predictor } from '../../../learning/steps/predict.ts';
import { tf } from '../../../learning/tensorflow.ts';
import { mean } from '../../../report/summary.ts';
import { architecture, CLASSES, pixelsOf, SIZE, scratch, settings, supply, surroundings } from './scratch.ts';

const recipe = settings({ finetune: { epochs: 3, atLeastSteps: 0, batch: 6 } });
const classifier = architecture({ classes: CLASSES, headLayers: 1 });

type More = Pick<FinetuneJob, 'judging' | 'resume'>;
async function run(folder: string, shards: ShardFiles, heldOut: ShardFiles | undefined, more: More = {}) {
  const settled = { baseline: true, finetune: recipe.finetune, views: plainViews('finetune'), shards, heldOut };
  const common = { ...recipe.compute, seed: 5, checkpointSeconds: 1e6 };
  return finetune({ kind: 'finetune', architecture: classifier, ...settled, ...common, ...more }, surroundings(folder));
}

/** 13 images, 6 a batch: 2 steps an epoch, 6 in all. */
async function prepared(): Promise<{ folder: string; shards: ShardFiles }> {
  const folder = await scratch();
  return { folder, shards: await supply(folder, { images: 13, perShard: 5, epochs: 3 }) };
}

const out = (folder: string, file: string) => readFile(join(folder, 'out', file));

test('finetune: images kept back are judged after the last epoch, of a resumed training too, and change no weight', async () => {
  const plain = await prepared();
  expect((await run(plain.folder, plain.shards, undefined)).facts.heldOut).toBeUndefined();

  const judged = await prepared();
  const heldOut = await supply(judged.folder, { images: 9, perShard: 5, from: 3, epochs: 4 });
  const { facts, finished } = await run(judged.folder, judged.shards, heldOut);
  expect(finished).toBe(true);
  expect((await out(judged.folder, 'model.safetensors')).equals(await out(plain.folder, 'model.safetensors'))).toBe(true);

  const network = networkOf(classifier);
  const weights = await loadModel(join(judged.folder, 'out', 'model.safetensors'), classifier, network.parameters);
  const called = Array.from({ length: 9 }, (_, i) => {
    const { logits } = predictor(network, 'eager')(weights, bytesTensor(pixelsOf(i), [1, SIZE, SIZE, 3]));
    return tf.argMax(logits, 1).dataSync()[0] === i % CLASSES;
  });
  expect(facts.heldOut).toEqual({ accuracy: called.filter(Boolean).length / 9, images: 9 });

  const resumed = await scratch();
  await copyFile(join(judged.folder, 'out', 'checkpoint-00000006.safetensors'), join(resumed, 'in', 'resume.safetensors'));
  await supply(resumed, { images: 9, perShard: 5, from: 3, epochs: 4 });
  const again = (more: More) => run(resumed, judged.shards, heldOut, { resume: 'resume.safetensors', ...more });
  expect((await again({})).facts.heldOut).toEqual(facts.heldOut);

  await supply(resumed, { images: 9, perShard: 5, from: 3, epochs: 4 });
  const recalls = [0, 1, 2, 3].map((label) => mean(called.filter((_, i) => i % CLASSES === label).map(Number)));
  const balanced = (await again({ judging: { classImages: [3, 2, 2, 2] } })).facts.heldOut as { accuracy: number };
  expect(balanced.accuracy).toBeCloseTo(mean(recalls), 9);
});
