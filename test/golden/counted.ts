/** Numbers, weights and images that counted.py and make-networks.py count in the same way, so that golden files hold answers only. */
import { createHash } from 'node:crypto';
import { type ParameterSpec, type State, sizeOf } from '../../learning/networks/parameters.ts';
import { type Tensor, tf } from '../../learning/tensorflow.ts';

/** scale · (u + offset), where u is in [0, 1): murmur3's finaliser of a count that starts at the first word of the SHA-256 of the name. */
export function counted(name: string, count: number, offset = 0, scale = 1): Float32Array {
  const first = createHash('sha256').update(name).digest().readUInt32LE(0);
  const numbers = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    let h = (first + i) >>> 0;
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    numbers[i] = scale * (((h ^ (h >>> 16)) >>> 0) / 2 ** 32 + offset);
  }
  return numbers;
}

/**
 * A value for every parameter: kernels of variance 2/fan-in, γ and variances about 1, β and means about 0. The last γ of a residual
 * branch is about 0.1.
 */
export function countedState(parameters: ParameterSpec[]): State {
  const valuesOf = (spec: ParameterSpec): Float32Array => {
    const { name, role, initial } = spec;
    const size = sizeOf(spec);
    if (role === 'kernel') return counted(name, size, -0.5, Math.sqrt(24 / (size / spec.shape.at(-1)!)));
    if (role === 'gamma' || role === 'variance') return counted(name, size, 0.5, role === 'gamma' && initial.kind === 'zeros' ? 0.1 : 1);
    return counted(name, size, -0.5, 0.4);
  };
  return Object.fromEntries(parameters.map((spec) => [spec.name, tf.tensor(valuesOf(spec), spec.shape)]));
}

/** Noise on a colour of each image's own: float32 [count, size, size, 3], 0..1. */
export function countedImages(count: number, size: number): Tensor {
  const [noise, colours] = [counted('images', count * size * size * 3, 0, 0.5), counted('colours', count * 3, 0, 0.5)];
  return tf.add(tf.tensor(noise, [count, size, size, 3]), tf.tensor(colours, [count, 1, 1, 3]));
}
