/** The few layers our networks are built of. A layer is its parameters and a pure function of their values. */
import { batchNormStored, batchNormTraining } from '../ops/batch-norm.ts';
import { convolution } from '../ops/convolution.ts';
import { keep } from '../ops/native.ts';
import { relu } from '../ops/relu.ts';
import { type Tensor, tf } from '../tensorflow.ts';
import type { ParameterSpec, Part, State } from './parameters.ts';

/**
 * One pass through a network. Norms read this batch's statistics when training, and leave the new moving ones in `statistics`, kept;
 * those that are frozen go by their stored ones. `isFrozen`: of a parameter, by its name.
 */
export type Pass = { training: boolean; isFrozen(name: string): boolean; statistics: State };
export type Layer = { parameters: ParameterSpec[]; apply(values: State, x: Tensor, pass: Pass): Tensor };

/** Share of the old moving statistics kept at every step. */
const MOMENTUM = 0.9;

const partOf = (name: string): Part => (name.startsWith('encoder/') ? 'encoder' : name.startsWith('head/') ? 'head' : 'classifier');

const spec = (name: string, shape: number[], role: ParameterSpec['role'], initial: ParameterSpec['initial']): ParameterSpec => ({
  name,
  shape,
  role,
  initial,
  part: partOf(name),
});

/** The value of a parameter. @throws Error when the network was given other weights than its own */
function weightOf(values: State, name: string): Tensor {
  const value = values[name];
  if (!value) throw new Error(`Cannot apply the network as its weights must all be there: "${name}" is missing`);
  return value;
}

/** k×k convolution without bias, [B, H, W, from] → [B, ⌈H/stride⌉, ⌈W/stride⌉, to]. */
export function conv(name: string, from: number, to: number, size: number, stride: number, first = false): Layer {
  const kernel = `${name}/kernel`;
  return {
    parameters: [spec(kernel, [size, size, from, to], 'kernel', { kind: 'scaled', fanIn: size * size * from })],
    apply: (values, x) => convolution(x, weightOf(values, kernel), stride, { inputGradient: !first }),
  };
}

/** Batch normalisation over the last dimension, for [B, H, W, C] and [B, C]. `gamma`: its first value; `beta`: whether there is one. */
export function norm(name: string, channels: number, { gamma = 1, beta = true }: { gamma?: 0 | 1; beta?: boolean } = {}): Layer {
  const names = { gamma: `${name}/gamma`, beta: `${name}/beta`, mean: `${name}/mean`, variance: `${name}/variance` };
  const vector = (role: keyof typeof names, ones: boolean) => spec(names[role], [channels], role, { kind: ones ? 'ones' : 'zeros' });
  return {
    parameters: [vector('gamma', gamma === 1), ...(beta ? [vector('beta', false)] : []), vector('mean', false), vector('variance', true)],
    apply(values, x, pass) {
      const flat = x.rank === 2;
      const map = flat ? tf.reshape(x, [x.shape[0] ?? 0, 1, 1, channels]) : x;
      const scale = weightOf(values, names.gamma);
      const shift = beta ? weightOf(values, names.beta) : tf.zeros([channels]);
      const [mean, variance] = [weightOf(values, names.mean), weightOf(values, names.variance)];
      if (!pass.training || pass.isFrozen(names.mean)) return reshapeLike(batchNormStored(map, scale, shift, mean, variance), x, flat);
      const batch = batchNormTraining(map, scale, shift);
      pass.statistics[names.mean] = keep(moved(mean, batch.mean));
      pass.statistics[names.variance] = keep(moved(variance, batch.variance));
      return reshapeLike(batch.y, x, flat);
    },
  };
}

const reshapeLike = (y: Tensor, x: Tensor, flat: boolean) => (flat ? tf.reshape(y, x.shape) : y);
const moved = (old: Tensor, batch: Tensor) => tf.add(tf.mul(old, MOMENTUM), tf.mul(batch, 1 - MOMENTUM));

/** [B, from] → [B, to]. */
export function dense(name: string, from: number, to: number, initial: ParameterSpec['initial'], bias: boolean): Layer {
  const names = { kernel: `${name}/kernel`, bias: `${name}/bias` };
  return {
    parameters: [spec(names.kernel, [from, to], 'kernel', initial), ...(bias ? [spec(names.bias, [to], 'bias', { kind: 'zeros' })] : [])],
    apply(values, x) {
      const y = tf.matMul(x, weightOf(values, names.kernel));
      return bias ? tf.add(y, weightOf(values, names.bias)) : y;
    },
  };
}

/** max(x, 0). */
export const rectifier: Layer = { parameters: [], apply: (_values, x) => relu(x) };

/** Layers one after the other. */
export function chain(...layers: Layer[]): Layer {
  return {
    parameters: layers.flatMap((layer) => layer.parameters),
    apply: (values, x, pass) => layers.reduce((y, layer) => layer.apply(values, y, pass), x),
  };
}
