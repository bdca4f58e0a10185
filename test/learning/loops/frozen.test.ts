/** Measures of a representation as it stands. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type FrozenWanted, frozenModels } from '../../../learning/loops/frozen.ts';
import { encoderOf, networkOf } from '../../../learning/networks/network.ts';
import { initialState } from '../../../learning/networks/parameters.ts';
import { binding } from '../../../learning/ops/native.ts';
import { loadRepresentation, saveModel } from '../../../learning/state.ts';
import { tf } from '../../../learning/tensorflow.ts';
import { valuesOf } from '../tensors.ts';
import { architecture, CLASSES, pixelsOf, SIZE, scratch } from './scratch.ts';

const IMAGES = 24;
const linear = architecture({ classes: CLASSES, headLayers: 0 });
const shard = {
  ids: Array.from({ length: IMAGES }, (_, i) => `image-${i}`),
  labels: Int32Array.from({ length: IMAGES }, (_, i) => i % CLASSES),
  images: new Uint8Array(Buffer.concat(Array.from({ length: IMAGES }, (_, i) => pixelsOf(i)))),
  size: SIZE,
};

/** A folder with a representation, and what to measure it by. */
async function prepared(more: Partial<FrozenWanted> = {}): Promise<FrozenWanted & { file: string }> {
  const folder = await scratch();
  const { parameters } = networkOf(architecture());
  const state = initialState(parameters, 3);
  const file = join(folder, 'in', 'representation.safetensors');
  await saveModel(file, state, parameters, architecture());
  tf.dispose(state);
  const stop = new AbortController().signal;
  const labelled = (async function* () {
    yield shard;
  })();
  return { folder, file, architecture: linear, labelled, crop: 1, seed: 1, execution: 'float32', tell: () => undefined, stop, ...more };
}

test('frozenModels: the linear classifier is learnt, every weight and moving value of the encoder is the file’s to the bit', async () => {
  const wanted = await prepared();
  const told: number[] = [];
  const models = await frozenModels({ ...wanted, tell: (images) => told.push(images) });
  expect(models.map(({ name }) => name)).toEqual(['knn', 'probe']);
  expect(told.reduce((sum, images) => sum + images, 0)).toBe(IMAGES);
  const { parameters } = encoderOf(linear);
  const file = await loadRepresentation(wanted.file, linear, parameters);
  for (const { weights } of models) {
    for (const { name } of parameters) expect(valuesOf(weights[name]!), name).toEqual(valuesOf(file[name]!));
  }
  const learnt = valuesOf(models[1]!.weights['classifier/dense/kernel']!);
  expect(learnt.some((value) => value !== 0)).toBe(true);
  tf.dispose([models.map(({ weights }) => weights), file]);
});

test('frozenModels: labelled images are seen as test images are, their middle where the recipe says so', async () => {
  const banks = [];
  for (const crop of [1, 0.5]) {
    const models = await frozenModels(await prepared({ crop }));
    banks.push(valuesOf(models[0]!.weights.bank!));
    tf.dispose(models.map(({ weights }) => weights));
  }
  expect(banks[1]).toHaveLength(banks[0]!.length);
  expect(banks[1]).not.toEqual(banks[0]);
});

test('frozenModels: stopped, there are none, and no tensor stays behind', async () => {
  const stop = new AbortController();
  const wanted = await prepared({ stop: stop.signal });
  const before = [tf.memory().numTensors, binding().getNumOfTensors()];
  const models = await frozenModels({ ...wanted, tell: (images) => images === 0 && stop.abort() });
  expect(models).toEqual([]);
  expect([tf.memory().numTensors, binding().getNumOfTensors()]).toEqual(before);
});
