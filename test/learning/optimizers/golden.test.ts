/** Ten steps of an optimizer against a reference: test/golden/make-optimizers.py made the numbers. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { ParameterSpec, State } from '../../../learning/networks/parameters.ts';
import { adamw } from '../../../learning/optimizers/adamw.ts';
import { lars } from '../../../learning/optimizers/lars.ts';
import { tf } from '../../../learning/tensorflow.ts';
import { valuesOf } from '../tensors.ts';

type Weights = { kernel: number[]; bias: number[] };
type Golden = {
  weightDecay: number;
  start: Weights;
  rates: number[];
  gradients: Weights[];
  adamw: Weights[];
  lars: Weights[];
};
const golden: Golden = JSON.parse(readFileSync(new URL('../../golden/optimizers.json', import.meta.url), 'utf8'));

const SPECS: ParameterSpec[] = [
  { name: 'kernel', shape: [3, 4], initial: { kind: 'zeros' }, role: 'kernel', part: 'encoder' },
  { name: 'bias', shape: [4], initial: { kind: 'zeros' }, role: 'bias', part: 'encoder' },
];
const tensors = ({ kernel, bias }: Weights): State => ({ kernel: tf.tensor2d(kernel, [3, 4]), bias: tf.tensor1d(bias) });

test.each([
  ['adamw', adamw, golden.adamw],
  ['lars', lars, golden.lars],
] as const)('%s: ten steps are those of its reference to 1e-5, decay and rates and all', (_, make, path) => {
  const optimizer = make(SPECS, { weightDecay: golden.weightDecay });
  let state: State = { ...tensors(golden.start), ...Object.fromEntries(optimizer.slots.map(({ name, shape }) => [name, tf.zeros(shape)])) };
  for (const [step, gradients] of golden.gradients.entries()) {
    state = { ...state, ...optimizer.update(state, tensors(gradients), tf.scalar(golden.rates[step]!)) };
    for (const name of ['kernel', 'bias'] as const) {
      for (const [i, value] of valuesOf(state[name]!).entries()) {
        const wanted = path[step]![name][i]!;
        expect(Math.abs(value - wanted), `step ${step + 1}, ${name}[${i}]`).toBeLessThan(1e-5 * Math.max(1, Math.abs(wanted)));
      }
    }
  }
});
