/**
 * State ↔ safetensors. A checkpoint is everything: weights, moving statistics, optimizer slots, and in the metadata the step, the
 * learning curve and the architecture. A model is the weights and statistics alone.
 */
import { isDeepStrictEqual } from 'node:util';
import { Failure } from '../contracts/failures.ts';
import type { CurvePoint } from '../contracts/progress.ts';
import type { Architecture } from '../contracts/trainer.ts';
import { fromPytorch } from './interchange.ts';
import type { ParameterSpec, State } from './networks/parameters.ts';
import { type HostTensor, type HostTensors, readSafetensors, type SafetensorsFile, writeSafetensors } from './safetensors.ts';
import { tf } from './tensorflow.ts';

/** Where a training stands: steps done, and its learning curve so far. */
export type Position = { step: number; curve: CurvePoint[] };

/** A checkpoint on the host, apart from the training that goes on. */
export type Snapshot = { tensors: HostTensors; metadata: Record<string, string> };

/** Copy all there is of a training. @throws Failure TrainingDiverged when a value is not finite */
export function snapshot(state: State, architecture: Architecture, { step, curve }: Position): Snapshot {
  const metadata = { kind: 'checkpoint', architecture: JSON.stringify(architecture), step: String(step), curve: JSON.stringify(curve) };
  return { tensors: hostTensors(state, Object.keys(state)), metadata };
}

/** Write a checkpoint; the file appears complete or not at all. */
export const writeCheckpoint = (file: string, { tensors, metadata }: Snapshot): Promise<void> => writeSafetensors(file, tensors, metadata);

/** Write the weights and statistics of a network. @throws Failure TrainingDiverged when a value is not finite */
export async function saveModel(file: string, state: State, parameters: ParameterSpec[], architecture: Architecture): Promise<void> {
  const tensors = hostTensors(
    state,
    parameters.map(({ name }) => name),
  );
  await writeSafetensors(file, tensors, { kind: 'model', architecture: JSON.stringify(architecture) });
}

/**
 * Read a checkpoint of this architecture.
 * @param parameters  of the network, and its optimizer's slots: exactly what the file must hold
 * @throws Failure DataIntegrity when architecture, names, shapes or dtypes differ, all differences named
 */
export async function loadCheckpoint(
  file: string,
  architecture: Architecture,
  parameters: ParameterSpec[],
): Promise<{ state: State } & Position> {
  const { tensors, metadata } = await readAs('checkpoint', file);
  checkArchitecture(file, metadata, architecture);
  const state = restore(file, tensors, parameters);
  return { state, step: Number(metadata.step), curve: JSON.parse(metadata.curve ?? '[]') };
}

/** Read a model of this architecture. @throws Failure DataIntegrity, as `loadCheckpoint` */
export async function loadModel(file: string, architecture: Architecture, parameters: ParameterSpec[]): Promise<State> {
  const { tensors, metadata } = await readAs('model', file);
  checkArchitecture(file, metadata, architecture);
  return restore(file, tensors, parameters);
}

/**
 * What a classifier takes over from a representation: the encoder and the head layers it keeps. Slots and the other head layers
 * stay behind.
 * @param parameters  of the classifier's network; those of part `classifier` are not looked for
 * @throws Failure DataIntegrity when the encoders differ
 */
export async function loadRepresentation(file: string, architecture: Architecture, parameters: ParameterSpec[]): Promise<State> {
  const { tensors, metadata } = await readAs('model', file);
  checkEncoder(file, metadata, architecture);
  const wanted = parameters.filter(({ part }) => part !== 'classifier');
  const names = new Set(wanted.map(({ name }) => name));
  const kept = Object.fromEntries(Object.entries(tensors).filter(([name]) => names.has(name)));
  return restore(file, kept, wanted);
}

/**
 * First weights of an encoder: from a model of ours, or from a file with PyTorch's names (`interchange.ts`). The head is not taken.
 * @param parameters  of the network; those of part `encoder` are looked for
 * @throws Failure DataIntegrity when they do not fit
 */
export async function loadStart(file: string, architecture: Architecture, parameters: ParameterSpec[]): Promise<State> {
  const encoder = parameters.filter(({ part }) => part === 'encoder');
  const read = await readSafetensors(file, 'leave out');
  if (read.metadata.kind === 'model') return loadRepresentation(file, architecture, encoder);
  if (read.metadata.architecture !== undefined) checkEncoder(file, read.metadata, architecture); // of `fewlabels export`
  try {
    return restore(file, fromPytorch(read, encoder), encoder);
  } catch (error) {
    throw error instanceof Failure
      ? error
      : new Failure(
          'DataIntegrity',
          `${(error as Error).message} (depth ${architecture.encoder.depth}, width ${architecture.encoder.width})`,
          { cause: error },
        );
  }
}

/** Values on the host. Reading them waits for the device. */
function hostTensors(state: State, names: string[]): HostTensors {
  return Object.fromEntries(names.map((name) => [name, hostTensor(name, state)]));
}

function hostTensor(name: string, state: State): HostTensor {
  const tensor = state[name];
  if (!tensor) throw new Error(`Cannot save the state as every parameter must be in it: "${name}" is missing`);
  const data = tensor.dataSync<'float32'>();
  if (!areFinite(data)) throw new Failure('TrainingDiverged', `Cannot save the weights as all must be finite: "${name}" is not`);
  return { dtype: 'float32', shape: tensor.shape, data };
}

/** 0 times infinity is no number. Training waits for this, so it is a bare loop, as quick as the copy; `every` takes many times as long. */
function areFinite(data: Float32Array): boolean {
  let sum = 0;
  for (let i = 0; i < data.length; i++) sum += 0 * data[i]!;
  return sum === 0;
}

async function readAs(kind: 'checkpoint' | 'model', file: string): Promise<SafetensorsFile> {
  const read = await readSafetensors(file).catch((error: Error) => {
    throw error.message.startsWith('Cannot read safetensors') ? new Failure('DataIntegrity', error.message, { cause: error }) : error;
  });
  const found = read.metadata.kind;
  if (found === kind) return read;
  throw new Failure('DataIntegrity', `Cannot restore "${file}" as it must be a ${kind}: it says ${found ?? 'nothing'}`);
}

function parseArchitecture(file: string, metadata: Record<string, string>): Architecture {
  try {
    const architecture: unknown = JSON.parse(metadata.architecture ?? '');
    if (typeof architecture === 'object' && architecture !== null) return architecture as Architecture;
  } catch {
    // the same as none
  }
  throw new Failure('DataIntegrity', `Cannot restore "${file}" as it must name its architecture: it does not`);
}

function checkArchitecture(file: string, metadata: Record<string, string>, wanted: Architecture): void {
  const found = parseArchitecture(file, metadata);
  if (!isDeepStrictEqual(found, wanted)) refuse(file, 'its architecture must be the same', found, wanted);
}

function checkEncoder(file: string, metadata: Record<string, string>, wanted: Architecture): void {
  const { encoder } = parseArchitecture(file, metadata);
  if (!isDeepStrictEqual(encoder, wanted.encoder)) refuse(file, 'its encoder must be the same', encoder, wanted.encoder);
}

function refuse(file: string, rule: string, found: unknown, wanted: unknown): never {
  throw new Failure(
    'DataIntegrity',
    `Cannot restore "${file}" as ${rule}: file ${JSON.stringify(found)}, network ${JSON.stringify(wanted)}`,
  );
}

/** Tensors of exactly these parameters. */
function restore(file: string, tensors: HostTensors, parameters: ParameterSpec[]): State {
  const differences = [
    ...parameters.flatMap((spec) => difference(spec, tensors[spec.name])),
    ...Object.keys(tensors)
      .filter((name) => !parameters.some((spec) => spec.name === name))
      .map((name) => `"${name}": the file has it, the network has not`),
  ];
  if (differences.length > 0) {
    throw new Failure(
      'DataIntegrity',
      `Cannot restore "${file}" as names, shapes and dtypes must be the network's: ${differences.join('; ')}`,
    );
  }
  return Object.fromEntries(parameters.map(({ name, shape }) => [name, tf.tensor(tensors[name]!.data, shape, 'float32')]));
}

function difference({ name, shape }: ParameterSpec, found: HostTensor | undefined): string[] {
  if (!found) return [`"${name}": the network has it, the file has not`];
  if (found.dtype !== 'float32') return [`"${name}": dtypes differ: file ${found.dtype}, network float32`];
  if (String(found.shape) !== String(shape)) return [`"${name}": shapes differ: file [${found.shape}], network [${shape}]`];
  return [];
}
