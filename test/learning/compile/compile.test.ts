import { expect, test } from 'vitest';
import { compile } from '../../../learning/compile/compile.ts';
import { networkOf } from '../../../learning/networks/network.ts';
import { initialState } from '../../../learning/networks/parameters.ts';
import { bytesTensor } from '../../../learning/ops/native.ts';
import { lars } from '../../../learning/optimizers/lars.ts';
import { pretrainStep } from '../../../learning/steps/pretrain.ts';
import { run, runCompiled } from '../../../learning/steps/step.ts';
import { type Tensor, tf } from '../../../learning/tensorflow.ts';
import { architecture, pixelsOf } from '../loops/scratch.ts';
import { noise, scalarOf, valuesOf } from '../tensors.ts';

const network = networkOf(architecture());
const optimizer = lars(network.parameters, { weightDecay: 1e-4 });
const step = pretrainStep(network, optimizer, { temperature: 0.5 });
const bytes = new Uint8Array(Buffer.concat(Array.from({ length: 8 }, (_, i) => pixelsOf(i))));

/** Five steps of pretraining: the losses, and the state at the end. */
function fiveSteps(take: typeof step) {
  let state = initialState([...network.parameters, ...optimizer.slots], 1);
  const losses = [0.1, 0.2, 0.3, 0.2, 0.1].map((rate) => {
    const next = take(state, { pixels: bytesTensor(bytes, [8, 16, 16, 3]), learningRate: tf.scalar(rate) });
    state = next.state;
    return scalarOf(next.metrics.loss);
  });
  return { losses, state };
}

/** Largest difference of losses, and of state tensors, relative to the largest value of each. */
function apart(a: ReturnType<typeof fiveSteps>, b: ReturnType<typeof fiveSteps>) {
  const of = (x: number[], y: number[]) => Math.max(...x.map((value, i) => Math.abs(value - y[i]!))) / Math.max(...y.map(Math.abs), 1e-3);
  const tensors = Object.keys(b.state).map((name) => of(valuesOf(a.state[name]!), valuesOf(b.state[name]!)));
  return { losses: of(a.losses, b.losses), state: Math.max(...tensors) };
}

test('runCompiled: five steps of pretraining give the losses and the state of the eager ones, to 1e-4', () => {
  const { losses, state } = apart(fiveSteps(runCompiled(step)), fiveSteps(run(step)));
  expect(losses).toBeLessThan(1e-4);
  expect(state).toBeLessThan(1e-4);
});

const compiledOf = (work: (x: Tensor) => Tensor) => compile('work', ({ x }) => ({ y: work(x!) }));
const x = noise([3, 4], 1);

test('compile: gather, a repeated call with other values, and a result that is its input', () => {
  const pick = compile('pick', ({ x, at }) => ({ y: tf.gather(x!, at as Tensor as ReturnType<typeof tf.tensor1d>), x: x! }));
  const result = pick({ x, at: tf.tensor1d([2, 0], 'int32') });
  expect(valuesOf(result.y!)).toEqual(valuesOf(tf.gather(x, [2, 0])));
  expect(result.x).toBe(x);
  expect(valuesOf(pick({ x, at: tf.tensor1d([1, 1], 'int32') }).y!)).toEqual(valuesOf(tf.gather(x, [1, 1])));
});

test.each<[string, () => unknown, RegExp]>([
  ['reads a value', () => compiledOf((t) => tf.mul(t, tf.sum(t).dataSync()[0]!))({ x }), /no value on the host .*compile\.test\.ts:\d+/],
  ['draws at random', () => compiledOf((t) => tf.add(t, tf.randomUniform([3, 4])))({ x }), /draw nothing at random/],
  ['assigns a variable', () => compiledOf((t) => tf.tidy(() => VARIABLE.assign(tf.sum(t)) ?? t))({ x }), /assign no tf\.Variable/],
  ['uses another tensor', () => compiledOf((t) => tf.add(t, x))({ x: noise([3, 4], 2) }), /no tensors but those of its state and batch/],
])('compile: a function that %s is refused', (_name, work, message) => expect(work).toThrow(message));

const VARIABLE = tf.variable(tf.scalar(1));

test('compile: another shape than at first is refused', () => {
  const double = compiledOf((t) => tf.mul(t, 2));
  double({ x });
  expect(() => double({ x: noise([2, 4], 1) })).toThrow('"x" must be float32 [3,4], as it was at first: float32 [2,4]');
});
