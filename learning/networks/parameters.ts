/** What a network is made of: named tensors, each with its shape, its first value and its role. */
import { type Random, randomStream } from '../random.ts';
import { type Tensor, tf } from '../tensorflow.ts';

/** Named tensors: weights, statistics, optimizer slots. */
export type State = Record<string, Tensor>;

/** The role decides who may change it: weight decay and layer-wise rates act on kernels, statistics and queues are not trained at all. */
export type Role = 'kernel' | 'bias' | 'gamma' | 'beta' | 'mean' | 'variance' | 'queue';
export type Part = 'encoder' | 'head' | 'classifier';
/**
 * `scaled`: truncated normal of variance 1/fanIn (variance scaling, scale 1, fan in). `uniform`: within ±`within`. `directions`: rows of
 * length 1, all directions equally likely. `copy`: what another parameter begins with.
 */
export type Initial =
  | { kind: 'zeros' }
  | { kind: 'ones' }
  | { kind: 'normal'; deviation: number }
  | { kind: 'scaled'; fanIn: number }
  | { kind: 'uniform'; within: number }
  | { kind: 'directions' }
  | { kind: 'copy'; of: ParameterSpec };

export type ParameterSpec = { name: string; shape: number[]; initial: Initial; role: Role; part: Part };

export const isTrainable = ({ role }: ParameterSpec): boolean => role !== 'mean' && role !== 'variance' && role !== 'queue';
export const sizeOf = ({ shape }: ParameterSpec): number => shape.reduce((product, side) => product * side, 1);

/** Standard deviation of a standard normal cut off at ±2. */
const CUT_DEVIATION = 0.87962566103423978;

/** First value of a parameter, float32. Its draws depend on the seed and its name only, not on the rest of the network. */
export function initialValue(spec: ParameterSpec, seed: number): Float32Array {
  const { initial } = spec;
  if (initial.kind === 'copy') return initialValue(initial.of, seed);
  const values = new Float32Array(sizeOf(spec));
  if (initial.kind === 'zeros') return values;
  if (initial.kind === 'ones') return values.fill(1);
  const random = randomStream(seed, 'weights', spec.name);
  if (initial.kind === 'directions') return fillDirections(values, spec.shape[1] ?? 1, random);
  if (initial.kind === 'uniform') return values.map(() => (2 * random.uniform() - 1) * initial.within);
  const cut = initial.kind === 'scaled' ? 2 : Infinity;
  const deviation = initial.kind === 'scaled' ? Math.sqrt(1 / initial.fanIn) / CUT_DEVIATION : initial.deviation;
  for (let i = 0; i < values.length; i++) {
    let draw = random.normal();
    while (Math.abs(draw) > cut) draw = random.normal();
    values[i] = draw * deviation;
  }
  return values;
}

/** Normal draws, every row scaled to length 1. */
function fillDirections(values: Float32Array, length: number, random: Random): Float32Array {
  for (let from = 0; from < values.length; from += length) {
    const row = Array.from({ length }, () => random.normal());
    const norm = Math.hypot(...row);
    for (const [i, value] of row.entries()) values[from + i] = value / norm;
  }
  return values;
}

/**
 * Fresh tensors of these parameters. The caller owns them. What is drawn is made on the host, the rest (half of it, slots) is not.
 * @param given  values of parameters that are not fresh: what copies of them begin with
 */
export function initialState(parameters: ParameterSpec[], seed: number, given: State = {}): State {
  const fresh = (spec: ParameterSpec): Tensor => {
    const { initial } = spec;
    const { kind } = initial;
    if (kind === 'copy') return given[initial.of.name]?.clone() ?? fresh(initial.of);
    if (kind === 'zeros' || kind === 'ones') return tf.fill(spec.shape, kind === 'ones' ? 1 : 0);
    return tf.tensor(initialValue(spec, seed), spec.shape);
  };
  return Object.fromEntries(parameters.map((spec) => [spec.name, fresh(spec)]));
}
