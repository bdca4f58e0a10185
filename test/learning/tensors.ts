/** What the tests of numeric modules share: reading values, counting tensors, finite differences. */
import { expect } from 'vitest';
import type { ParameterSpec } from '../../learning/networks/parameters.ts';
import { binding } from '../../learning/ops/native.ts';
import type { HostTensors } from '../../learning/safetensors.ts';
import { type Tensor, tf } from '../../learning/tensorflow.ts';

/** Values of a tensor, as plain numbers. */
export const valuesOf = (tensor: Tensor): number[] => Array.from(tensor.dataSync());
export const scalarOf = (tensor: Tensor): number => valuesOf(tensor)[0] ?? Number.NaN;

/** Largest difference of two tensors. */
export const distance = (a: Tensor, b: Tensor): number => tf.tidy(() => scalarOf(tf.max(tf.abs(tf.sub(a, b)))));

/** Expects tfjs and TensorFlow to hold as many tensors after `work`, run in a tidy, as before: nothing is kept for good. */
export function expectNoLeak(work: () => void): void {
  tf.tidy(work); // constants that are made once
  const before = [tf.memory().numTensors, binding().getNumOfTensors()];
  for (let i = 0; i < 3; i++) tf.tidy(work);
  expect([tf.memory().numTensors, binding().getNumOfTensors()]).toEqual(before);
}

/** Value and gradients of a function of tensors, under fixed weights of its outputs. */
export function gradientsOf(f: (...inputs: Tensor[]) => Tensor, inputs: Tensor[]): Tensor[] {
  const weights = noise(f(...inputs).shape, 77);
  return tf.grads((...at: Tensor[]) => tf.sum(tf.mul(f(...at), weights)))(inputs);
}

/** A few numbers that repeat, about normal: enough where no distribution is tested. */
export const noise = (shape: number[], seed: number): Tensor => tf.randomNormal(shape, 0, 1, 'float32', seed);

/**
 * Expects the gradient of Σ weights·f(x) to agree with central differences at some places of every input.
 * @param f  from float32 tensors to one
 */
export function expectGradient(f: (...inputs: Tensor[]) => Tensor, inputs: Tensor[], { epsilon = 1e-2, tolerance = 2e-2 } = {}): void {
  tf.tidy(() => {
    const weights = noise(f(...inputs).shape, 77);
    const loss = (at: Tensor[]) => scalarOf(tf.sum(tf.mul(f(...at), weights)));
    const gradients = gradientsOf(f, inputs);
    for (const [i, input] of inputs.entries()) {
      const analytic = valuesOf(gradients[i]!);
      for (const place of [0, Math.floor(input.size / 2), input.size - 1]) {
        const moved = (by: number) => {
          const data = Float32Array.from(input.dataSync());
          data[place]! += by;
          return loss(inputs.map((other, j) => (j === i ? tf.tensor(data, input.shape) : other)));
        };
        const numeric = (moved(epsilon) - moved(-epsilon)) / (2 * epsilon);
        const away = Math.abs(numeric - analytic[place]!);
        expect(away, `input ${i}, place ${place}: ${numeric} and ${analytic[place]}`).toBeLessThan(
          tolerance * Math.max(1, Math.abs(numeric)),
        );
      }
    }
  });
}

/** A tensor for every parameter, as files hold them. */
export const hostTensors = (parameters: ParameterSpec[], dataOf: (spec: ParameterSpec) => Float32Array): HostTensors =>
  Object.fromEntries(parameters.map((spec) => [spec.name, { dtype: 'float32', shape: spec.shape, data: dataOf(spec) }]));
