import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Architecture } from '../../contracts/trainer.ts';
import { toPytorch } from '../../learning/interchange.ts';
import { networkOf } from '../../learning/networks/network.ts';
import { initialState, type State } from '../../learning/networks/parameters.ts';
import { momentum } from '../../learning/optimizers/momentum.ts';
import { encodeSafetensors, type HostTensors, readSafetensors } from '../../learning/safetensors.ts';
import { loadCheckpoint, loadModel, loadRepresentation, loadStart, saveModel, snapshot, writeCheckpoint } from '../../learning/state.ts';
import { tf } from '../../learning/tensorflow.ts';
import { architecture, CLASSES, scratch } from './loops/scratch.ts';
import { distance } from './tensors.ts';

const representation = architecture();
const { parameters } = networkOf(representation);
const all = [...parameters, ...momentum(parameters, { weightDecay: 0 }).slots];

async function checkpoint(): Promise<{ file: string; state: State }> {
  const file = join(await scratch(), 'checkpoint.safetensors');
  const state = { ...initialState(all, 1), 'momentum/head/layer2/norm/gamma': tf.fill([16], 0.1) };
  const position = { step: 7, curve: [{ step: 7, epoch: 1.5, loss: 0.25, learningRate: 0.1 }] };
  await writeCheckpoint(file, snapshot(state, representation, position));
  return { file, state };
}

/** The file with some tensors or metadata changed. */
async function altered(file: string, change: (tensors: HostTensors, metadata: Record<string, string>) => void): Promise<string> {
  const { tensors, metadata } = await readSafetensors(file);
  change(tensors, metadata);
  await writeFile(file, encodeSafetensors(tensors, metadata));
  return file;
}

test('loadCheckpoint: gives back every tensor, the step and the curve', async () => {
  const { file, state } = await checkpoint();
  const loaded = await loadCheckpoint(file, representation, all);
  expect(loaded).toMatchObject({ step: 7, curve: [{ step: 7, epoch: 1.5, loss: 0.25, learningRate: 0.1 }] });
  expect(Object.keys(loaded.state).sort()).toEqual(Object.keys(state).sort());
  for (const [name, tensor] of Object.entries(state)) expect(distance(loaded.state[name]!, tensor)).toBe(0);
});

test('writeCheckpoint: the same state gives the same bytes', async () => {
  const { file, state } = await checkpoint();
  const again = join(await scratch(), 'again.safetensors');
  const reversed = Object.fromEntries(Object.entries(state).reverse());
  await writeCheckpoint(again, snapshot(reversed, representation, await loadCheckpoint(file, representation, all)));
  expect((await readFile(again)).equals(await readFile(file))).toBe(true);
});

test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])('snapshot: refuses a state that holds %d', async (value) => {
  const { state } = await checkpoint();
  const bad = { ...state, 'encoder/stem/norm/beta': tf.tensor1d([1, -2, 0, 3, 1e38, -1e-38, 5, value]) };
  const refused = expect.objectContaining({ kind: 'TrainingDiverged', message: expect.stringContaining('"encoder/stem/norm/beta"') });
  expect(() => snapshot(bad, representation, { step: 1, curve: [] })).toThrow(refused);
});

test.each<[string, (tensors: HostTensors, metadata: Record<string, string>) => void, RegExp]>([
  [
    'a missing tensor',
    (tensors) => delete tensors['encoder/stem/norm/beta'],
    /"encoder\/stem\/norm\/beta": the network has it, the file has not/,
  ],
  ['a tensor too many', (tensors) => (tensors.other = tensors['encoder/stem/norm/beta']!), /"other": the file has it, the network has not/],
  [
    'another shape',
    (tensors) => (tensors['encoder/stem/norm/beta'] = { dtype: 'float32', shape: [2], data: new Float32Array(2) }),
    /"encoder\/stem\/norm\/beta": shapes differ: file \[2\], network \[8\]/,
  ],
  [
    'another dtype',
    (tensors) => (tensors['encoder/stem/norm/beta'] = { dtype: 'int32', shape: [8], data: new Int32Array(8) }),
    /"encoder\/stem\/norm\/beta": dtypes differ: file int32, network float32/,
  ],
  [
    'another architecture',
    (_, metadata) => (metadata.architecture = JSON.stringify({ ...representation, size: 99 })),
    /its architecture must be the same: file .*99/,
  ],
  ['another kind of file', (_, metadata) => (metadata.kind = 'model'), /it must be a checkpoint: it says model/],
])('loadCheckpoint: %s is refused as DataIntegrity', async (_what, change, message) => {
  const file = await altered((await checkpoint()).file, change);
  await expect(loadCheckpoint(file, representation, all)).rejects.toMatchObject({
    kind: 'DataIntegrity',
    message: expect.stringMatching(message),
  });
});

test('loadCheckpoint: all differences are told at once', async () => {
  const file = await altered((await checkpoint()).file, (tensors) => {
    delete tensors['encoder/stem/norm/beta'];
    delete tensors['encoder/stem/norm/gamma'];
  });
  await expect(loadCheckpoint(file, representation, all)).rejects.toThrow(/gamma.*; .*beta/);
});

test('loadModel: a network that pads in another way is refused, though the weights would fit', async () => {
  const { state } = await checkpoint();
  const file = join(await scratch(), 'model.safetensors');
  await saveModel(file, state, parameters, representation);
  const padded: Architecture = { ...representation, encoder: { ...representation.encoder, padding: 'torchvision' } };
  await expect(loadModel(file, padded, networkOf(padded).parameters)).rejects.toThrow(/its architecture must be the same: .*torchvision/);
});

test.each(['no JSON', '1', 'null'])('loadRepresentation: a file whose architecture is %s is refused', async (text) => {
  const file = join(await scratch(), 'model.safetensors');
  await writeFile(file, encodeSafetensors({}, { kind: 'model', architecture: text }));
  await expect(loadRepresentation(file, representation, parameters)).rejects.toMatchObject({ kind: 'DataIntegrity' });
});

test('loadModel: holds weights and statistics, no slots', async () => {
  const { state } = await checkpoint();
  const file = join(await scratch(), 'model.safetensors');
  await saveModel(file, state, parameters, representation);
  expect(Object.keys(await loadModel(file, representation, parameters)).some((name) => name.startsWith('momentum/'))).toBe(false);
  expect((await readSafetensors(file)).metadata).toEqual({ kind: 'model', architecture: JSON.stringify(representation) });
});

test('loadRepresentation: a classifier takes the encoder and the head layers it keeps, and no other', async () => {
  const { state } = await checkpoint();
  const file = join(await scratch(), 'model.safetensors');
  await saveModel(file, state, parameters, representation);
  const classifier = architecture({ classes: CLASSES, headLayers: 1 });
  const taken = await loadRepresentation(file, classifier, networkOf(classifier).parameters);
  expect(distance(taken['head/layer1/dense/kernel']!, state['head/layer1/dense/kernel']!)).toBe(0);
  expect(Object.keys(taken).filter((name) => /layer2|classifier/.test(name))).toEqual([]);
  const wider: Architecture = { ...classifier, encoder: { ...classifier.encoder, width: 1 } };
  await expect(loadRepresentation(file, wider, networkOf(wider).parameters)).rejects.toThrow(
    /its encoder must be the same: file .*0\.125.*, network .*1/,
  );
});

test('loadStart: an exported encoder that says it is another one is refused, though all its shapes fit', async () => {
  const file = join(await scratch(), 'exported.safetensors');
  const model = join(await scratch(), 'model.safetensors');
  await saveModel(model, initialState(parameters, 1), parameters, representation);
  const { tensors } = await readSafetensors(model);
  const write = (of: Architecture) =>
    writeFile(file, encodeSafetensors(toPytorch(tensors), { format: 'pt', architecture: JSON.stringify(of) }));
  await write(representation);
  const first = await loadStart(file, representation, parameters);
  expect(distance(first['encoder/stem/conv/kernel']!, initialState(parameters, 1)['encoder/stem/conv/kernel']!)).toBe(0);
  await write({ ...representation, encoder: { ...representation.encoder, padding: 'torchvision' } });
  await expect(loadStart(file, representation, parameters)).rejects.toThrow(/its encoder must be the same: file .*"padding":"torchvision"/);
});
