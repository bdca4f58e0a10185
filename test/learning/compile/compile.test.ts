import { expect, test } from 'vitest';
import { compile, graphOf } from '../../../learning/compile/compile.ts';
import { Held } from '../../../learning/compile/held.ts';
import { type Tensor, tf } from '../../../learning/tensorflow.ts';
import { distance, expectNoLeak, noise, scalarOf, valuesOf } from '../tensors.ts';

const compiledOf = (work: (x: Tensor) => Tensor) => compile('work', ({ x }) => ({ y: work(x!) }));
const x = noise([3, 4], 1);

test('compile: gather, a repeated call with other values, and a result that is its input', () => {
  const pick = compile('pick', ({ x, at }) => ({ y: tf.gather(x!, at as Tensor as ReturnType<typeof tf.tensor1d>), x: x! }));
  const result = pick({ x, at: tf.tensor1d([2, 0], 'int32') });
  expect(valuesOf(result.y!)).toEqual(valuesOf(tf.gather(x, [2, 0])));
  expect(result.x).toBe(x);
  expect(valuesOf(pick({ x, at: tf.tensor1d([1, 1], 'int32') }).y!)).toEqual(valuesOf(tf.gather(x, [1, 1])));
});

test('compile: choice, queue and moving average, as pure functions of their inputs', () => {
  const queue = ({ keys, fresh, average, weight }: Record<string, Tensor>) => ({
    keys: tf.concat([fresh!, tf.slice(keys!, [0, 0], [4, 2])], 0),
    average: tf.add(tf.mul(average!, 0.9), tf.mul(weight!, 0.1)),
    larger: tf.where(tf.greater(average!, weight!), average!, weight!),
    best: tf.argMax(keys!, 0),
  });
  const inputs = { keys: noise([6, 2], 1), fresh: noise([2, 2], 2), average: noise([3], 3), weight: noise([3], 4) };
  const [eager, compiled] = [queue(inputs), compile('queue', queue)(inputs)];
  for (const [name, tensor] of Object.entries(eager)) expect(valuesOf(compiled[name]!), name).toEqual(valuesOf(tensor));
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

test('compile: ops that no result needs are not in the graph', () => {
  const ops = (work: (inputs: Record<string, Tensor>) => Record<string, Tensor>) => graphOf(work, { x }).nodes.map(({ op }) => op);
  expect(ops(({ x }) => ({ y: tf.mul(x!, 2) }))).not.toContain('Exp');
  expect(ops(({ x }) => ({ y: tf.tidy(() => void tf.exp(x!)) ?? tf.mul(x!, 2) }))).not.toContain('Exp');
  expect(ops(({ x }) => ({ y: tf.exp(x!) }))).toContain('Exp');
});

test('compile: leaves no tensor behind but its results', () => {
  const both = compile('both', ({ x }) => ({ twice: tf.mul(x!, 2), sum: tf.sum(x!) }), { open: ['x'] });
  expectNoLeak(() => void both({ x }));
});

/** A network and an optimizer that the compiler was not made for. */
const SIZES = [4, 16, 16, 3];
const [BETA1, BETA2] = [0.9, 0.999];

function mlpWithAdam(inputs: Record<string, Tensor>): Record<string, Tensor> {
  const { x, y, rate, t } = inputs as Record<string, Tensor>;
  const names = SIZES.slice(1).flatMap((_, i) => [`w${i}`, `b${i}`]);
  const lossOf = (...values: Tensor[]) => {
    let h = x!;
    for (let i = 0; i < SIZES.length - 1; i++) {
      h = tf.add(tf.matMul(h as Matrix, values[2 * i] as Matrix), values[2 * i + 1]!);
      if (i < SIZES.length - 2) h = i === 0 ? tf.tanh(h) : tf.elu(h);
    }
    return tf.losses.softmaxCrossEntropy(y!, h).asScalar();
  };
  const { value, grads } = tf.valueAndGrads(lossOf)(names.map((name) => inputs[name]!));
  const next: Record<string, Tensor> = { t: tf.add(t!, 1), loss: value };
  const [correction1, correction2] = [BETA1, BETA2].map((beta) => tf.sub(1, tf.pow(beta, next.t!)));
  for (const [i, name] of names.entries()) {
    const g = grads[i]!;
    const m = tf.add(tf.mul(inputs[`${name}/m`]!, BETA1), tf.mul(g, 1 - BETA1));
    const v = tf.add(tf.mul(inputs[`${name}/v`]!, BETA2), tf.mul(tf.square(g), 1 - BETA2));
    const step = tf.div(tf.div(m, correction1!), tf.add(tf.sqrt(tf.div(v, correction2!)), 1e-8));
    Object.assign(next, { [`${name}/m`]: m, [`${name}/v`]: v, [name]: tf.sub(inputs[name]!, tf.mul(step, rate!)) });
  }
  return next;
}
type Matrix = ReturnType<typeof tf.tensor2d>;

function firstState(): Record<string, Tensor> {
  const layers = SIZES.slice(1).flatMap((to, i): [string, Tensor][] => [
    [`w${i}`, tf.mul(noise([SIZES[i]!, to], i + 1), 0.5)],
    [`b${i}`, tf.zeros([to])],
  ]);
  const slots = layers.flatMap(([name, { shape }]) => [`${name}/m`, `${name}/v`].map((slot): [string, Tensor] => [slot, tf.zeros(shape)]));
  return Object.fromEntries([...layers, ...slots, ['t', tf.scalar(0)]]);
}

test('compile: a perceptron with Adam, neither made for it, learns as it does op by op', () => {
  const batch = (step: number) => ({
    x: noise([20, 4], 100 + step),
    y: tf.oneHot(tf.argMax(tf.slice(noise([20, 4], 100 + step), [0, 0], [20, 3]), 1), 3),
    rate: tf.scalar(0.01 / (1 + step)),
  });
  const held = new Held('perceptron', mlpWithAdam, firstState());
  let eager = firstState();
  for (let step = 0; step < 20; step++) {
    const { loss, ...next } = tf.tidy(() => mlpWithAdam({ ...eager, ...batch(step) }));
    eager = next;
    expect(scalarOf(held.call(batch(step)).loss!)).toBeCloseTo(scalarOf(loss!), 5);
  }
  const compiled = held.read();
  for (const [name, tensor] of Object.entries(eager)) expect(distance(compiled[name]!, tensor), name).toBeLessThan(1e-5);
  expect(scalarOf(compiled.t!)).toBe(20);
});

const [w, v] = [tf.tensor1d([1, 2, 3]), tf.tensor1d([10, 20, 30])];
const threes = (state: Record<string, Tensor>) => Object.fromEntries(Object.entries(state).map(([name, t]) => [name, valuesOf(t)]));

test.each<[string, (inputs: Record<string, Tensor>) => Record<string, Tensor>, Record<string, Tensor>, Record<string, number[]>]>([
  ['another state', ({ a, b }) => ({ a: b!, b: a! }), { a: w, b: v }, { a: [10, 20, 30], b: [1, 2, 3] }],
  ['the old value of a state', ({ a, x }) => ({ a: tf.add(a!, x!), p: a! }), { a: w, p: v }, { a: [11, 22, 33], p: [1, 2, 3] }],
  ['a member of the batch', ({ a, x }) => ({ a: x!, sum: tf.sum(a!) }), { a: w }, { a: [10, 20, 30] }],
  ['itself', ({ a, x }) => ({ a: a!, sum: tf.sum(x!) }), { a: w }, { a: [1, 2, 3] }],
])('Held: a state becomes %s', (_name, work, state, after) => {
  const held = new Held('held', work, state);
  held.call({ x: v });
  expect(threes(held.read())).toEqual(after);
  held.free();
});

test('Held: results that are inputs, or a state before the call, come out with their values; the state goes on without any result', () => {
  const held = new Held('held', ({ a, x, rate }) => ({ rate: rate!, a: tf.add(a!, x!), old: a!, sum: tf.sum(a!) }), { a: w });
  const once = { x: v, rate: tf.scalar(0.5) };
  expect(threes(held.call(once))).toEqual({ rate: [0.5], old: [1, 2, 3], sum: [6] });
  expect(threes(held.call(once))).toEqual({ rate: [0.5], old: [11, 22, 33], sum: [66] });
  const silent = new Held('silent', ({ a }) => ({ a: tf.add(a!, 1) }), { a: w });
  expect([silent.call({}), silent.call({})]).toEqual([{}, {}]);
  expect(threes(silent.read())).toEqual({ a: [3, 4, 5] });
});

test('Held: state of another dtype or a changing shape, and a call after the end, are refused by name', () => {
  expect(() => new Held('held', ({ n }) => ({ n: n! }), { n: tf.scalar(1, 'int32') })).toThrow('must be float32: "n" is int32');
  const growing = new Held('held', ({ a }) => ({ a: tf.concat([a!, a!], 0) }), { a: w });
  expect(() => growing.call({})).toThrow('"a" is float32 [3] and becomes float32 [6]');
  growing.free();
  expect(() => growing.call({})).toThrow('it was freed');
});

test('compile: inputs that are one tensor at first may be two later, and none is mistaken for another tensor', () => {
  const subtract = compile('subtract', ({ a, b }) => ({ y: tf.sub(a!, b!), a: a! }));
  expect(valuesOf(subtract({ a: w, b: w }).y!)).toEqual([0, 0, 0]);
  const later = subtract({ a: w, b: v });
  expect([valuesOf(later.y!), later.a]).toEqual([[-9, -18, -27], w]);
  expect(() => compile('closure', ({ a }) => ({ y: tf.add(a!, w) }))({ a: w })).toThrow('no tensors but those of its state and batch');
  let cached: Tensor | undefined;
  const caching = ({ a }: Record<string, Tensor>) => {
    cached ??= tf.keep(tf.add(a!, 2));
    return { y: tf.mul(tf.mul(a!, 100), cached) };
  };
  compile('first', caching)({ a: w });
  expect(() => compile('second', caching)({ a: w })).toThrow('no tensors but those of its state and batch');
});

test('compile: a function without inputs, flags that are gathered, and text that is refused', () => {
  expect(valuesOf(compile('three', () => ({ y: tf.scalar(3) }))({}).y!)).toEqual([3]);
  const pick = compile('pick', ({ at }) => ({ y: tf.gather(tf.tensor1d([true, false, true]), at as ReturnType<typeof tf.tensor1d>) }));
  expect(valuesOf(pick({ at: tf.tensor1d([1, 2], 'int32') }).y!)).toEqual([0, 1]);
  expect(() => compile('text', () => ({ y: tf.tensor1d(['a']) }))({})).toThrow('constants must be numbers or flags');
});

test('open: any leading size of all open inputs; what rounds, branches or has a limit is refused', () => {
  const mean = compile('mean', ({ x, z }) => ({ y: tf.div(tf.sum(tf.mul(x!, z!)), x!.shape[0]!), n: tf.fill([x!.shape[0]!], 7) }), {
    open: ['x', 'z'],
  });
  for (const size of [0, 1, 4, 100]) {
    const ones = tf.ones([size, 2]);
    const { y, n } = mean({ x: ones, z: ones });
    if (size) expect(scalarOf(y!)).toBeCloseTo(2, 5);
    expect(n!.shape).toEqual([size]);
  }
  expect(() => mean({ x: tf.ones([4, 2]), z: tf.ones([6, 2]) })).toThrow('one leading size: 4,6');
  const refused = (work: (x: Tensor, n: number) => Tensor) => () =>
    compile('open', ({ x }) => ({ y: work(x!, x!.shape[0]!) }), { open: ['x'] })({ x: tf.ones([4]) });
  expect(refused((x, n) => tf.slice(x, [0], [n - (n % 2)]))).toThrow('is not a·size + b in whole numbers');
  expect(refused((x, n) => tf.div(x, Math.min(n, 64)))).toThrow('is not a·size + b in whole numbers');
  expect(refused((x, n) => (n > 64 ? tf.exp(x) : tf.sin(x)))).toThrow('Sin is not there at every size');
  expect(() => compile('open', ({ x }) => ({ y: x! }), { open: ['nope'] })({ x: w })).toThrow('"nope"');
});
