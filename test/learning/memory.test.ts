import { describe, expect, test } from 'vitest';
import { compile } from '../../learning/compile/compile.ts';
import { ntXent } from '../../learning/losses/nt-xent.ts';
import { memoryOf } from '../../learning/memory.ts';
import { networkOf } from '../../learning/networks/network.ts';
import { initialState, isTrainable, type State } from '../../learning/networks/parameters.ts';
import { unitRows } from '../../learning/ops/rows.ts';
import { lars } from '../../learning/optimizers/lars.ts';
import { pretrainStep } from '../../learning/steps/pretrain.ts';
import { type Tensor, tf } from '../../learning/tensorflow.ts';
import { architecture } from './loops/scratch.ts';
import { distance, expectGradient, expectNoLeak, noise, scalarOf, valuesOf } from './tensors.ts';

/** K rows along the first axis. */
const equal = (rows: number, width: number): Tensor => tf.tile(tf.oneHot(tf.tensor1d([0], 'int32'), width, 1, 0, 'float32'), [rows, 1]);

describe('ntXent with a queue', () => {
  test.each([
    [1, 4096, 8.318],
    [1, 65536, 11.0904],
    [8, 4096, Math.log(15 + 4096)],
  ])(
    'ntXent: equal similarities, N = %i and K = %i negatives more give ln(2N − 1 + K) = %f, and ln(K + 1) for one image',
    (images, size, wanted) => {
      for (const temperature of [0.1, 1]) {
        expect(scalarOf(ntXent(equal(2 * images, 4), temperature, equal(size, 4)))).toBeCloseTo(wanted, 4);
      }
    },
  );

  test('ntXent: equals its formula, pair by pair', () => {
    const [images, temperature] = [3, 0.4];
    const rows = unitRows(noise([2 * images, 4], 1)).arraySync() as number[][];
    const queue = unitRows(noise([5, 4], 2)).arraySync() as number[][];
    const e = (a: number[], b: number[]) => Math.exp(a.reduce((sum, value, i) => sum + value * b[i]!, 0) / temperature);
    const losses = rows.map((row, i) => {
      const below = [...rows.filter((_, k) => k !== i), ...queue].reduce((sum, other) => sum + e(row, other), 0);
      return -Math.log(e(row, rows[(i + images) % (2 * images)]!) / below);
    });
    const mean = losses.reduce((a, b) => a + b) / losses.length;
    expect(scalarOf(ntXent(tf.mul(tf.tensor2d(rows), 3), temperature, tf.tensor2d(queue)))).toBeCloseTo(mean, 5);
  });

  test('ntXent: the gradient with a queue agrees with finite differences, and no tensor is left behind', () => {
    const [z, queue] = [noise([6, 3], 5), unitRows(noise([7, 3], 6))];
    expectGradient((at) => ntXent(at, 0.5, queue), [z]);
    expectNoLeak(() => void tf.grad((at: Tensor) => ntXent(at, 0.5, queue))(z));
  });

  test('ntXent: similarities with a queue that is state are float32 in a bfloat16 step, as all of a loss', () => {
    const inputs = { z: noise([16, 32], 7), queue: unitRows(noise([64, 32], 8)) };
    const loss = ({ z, queue }: State) => ({ loss: ntXent(z!, 0.1, queue) });
    const half = compile('loss', loss, { precision: 'bfloat16', weights: ['queue'] })(inputs);
    expect(scalarOf(half.loss!)).toBeCloseTo(scalarOf(loss(inputs).loss), 5);
  });
});

const network = networkOf(architecture({ encoder: { depth: 18, width: 0.0625, stem: 'small' } }));
const [SIZE, PROJECTION] = [10, 16];
const images = (seed: number, count = 4): Tensor => tf.sigmoid(noise([count, 16, 16, 3], seed));

/** Weights, and a memory whose averaged network is another one by now. */
function begun(decay: number, size = SIZE) {
  const memory = memoryOf(network, { size, decay }, PROJECTION);
  const first = initialState([...network.parameters, ...memory.slots], 1);
  return { memory, first, moved: { ...first, ...initialState(network.parameters, 2) } };
}

describe('memoryOf', () => {
  test('memoryOf: begins with a copy of the weights it is given or drawn, and a queue of seeded directions', () => {
    const { memory, first } = begun(0.999);
    for (const { name } of network.parameters) expect(distance(first[`memory/${name}`]!, first[name]!), name).toBe(0);
    const given = initialState(network.parameters, 3);
    const copied = initialState(memory.slots, 1, given);
    for (const { name } of network.parameters) expect(distance(copied[`memory/${name}`]!, given[name]!), name).toBe(0);
    const queue = memory.queue(first);
    expect(queue.shape).toEqual([SIZE, PROJECTION]);
    for (const length of valuesOf(tf.norm(queue, 2, 1))) expect(length).toBeCloseTo(1, 5);
    expect(distance(memory.queue(copied), queue)).toBe(0);
    expect(distance(memory.queue(initialState(memory.slots, 2)), queue)).toBeGreaterThan(0.1);
  });

  test.each([1, 0, 0.9])('memoryOf: averages with m = %f: 1 stays as it is, 0 is a copy, before the batch is projected', (decay) => {
    const { memory, first, moved } = begun(decay);
    const next = memory.next(moved, images(1));
    const projecting: State = {};
    for (const spec of network.parameters) {
      const average = first[`memory/${spec.name}`]!;
      const wanted = isTrainable(spec) ? tf.add(tf.mul(average, decay), tf.mul(moved[spec.name]!, 1 - decay)) : average;
      projecting[spec.name] = wanted;
      if (isTrainable(spec)) expect(distance(next[`memory/${spec.name}`]!, wanted), spec.name).toBe(0);
    }
    const { output, statistics } = network.apply(projecting, images(1), { training: true });
    expect(distance(tf.slice(memory.queue(next), [SIZE - 4, 0]), unitRows(output))).toBe(0);
    for (const [name, value] of Object.entries(statistics)) expect(distance(next[`memory/${name}`]!, value), name).toBe(0);
  });

  test('memoryOf: the newest projections stand last, the oldest go, and a batch larger than the queue leaves its last rows', () => {
    const { memory, moved } = begun(0.5);
    const once = { ...moved, ...memory.next(moved, images(1)) };
    expect(distance(tf.slice(memory.queue(once), [0, 0], [6, PROJECTION]), tf.slice(memory.queue(moved), [4, 0]))).toBe(0);
    const twice = { ...once, ...memory.next(once, images(2)) };
    expect(distance(tf.slice(memory.queue(twice), [2, 0], [4, PROJECTION]), tf.slice(memory.queue(once), [6, 0]))).toBe(0);
    const small = begun(0.5, 3);
    const last = memory.queue(memory.next(moved, images(1)));
    expect(distance(small.memory.queue(small.memory.next(small.moved, images(1))), tf.slice(last, [SIZE - 3, 0]))).toBe(0);
  });

  test('pretrainStep: looks at the queue of before the step, and queues the second views', () => {
    const { memory, moved } = begun(0.5);
    const optimizer = lars(network.parameters, { weightDecay: 0 });
    const step = pretrainStep(network, optimizer, { temperature: 0.5 }, memory);
    const pixels = tf.mul(tf.concat([images(1), images(2)]), 255);
    const before = { ...moved, ...initialState(optimizer.slots, 1) };
    const { state, metrics } = step(before, { pixels, learningRate: tf.scalar(0.1) });
    const { output } = network.apply(before, tf.div(pixels, 255), { training: true });
    expect(scalarOf(metrics.loss)).toBeCloseTo(scalarOf(ntXent(output, 0.5, memory.queue(before))), 5);
    expect(scalarOf(metrics.loss)).toBeGreaterThan(scalarOf(ntXent(output, 0.5)) + 0.1);
    const wanted = memory.queue(memory.next(before, tf.div(tf.mul(images(2), 255), 255)));
    expect(distance(memory.queue(state), wanted)).toBeLessThan(1e-6);
  });

  test('pretrainStep: a batch in parts goes through the averaged network in the same parts', () => {
    const { memory, moved } = begun(0.5);
    const optimizer = lars(network.parameters, { weightDecay: 0 });
    const before = { ...moved, ...initialState(optimizer.slots, 1) };
    const pixels = tf.mul(tf.concat([images(1), images(2)]), 255);
    const step = pretrainStep(network, optimizer, { temperature: 0.5, accumulate: 2 }, memory);
    const { state } = step(before, { pixels, learningRate: tf.scalar(0.1) });
    const next = memory.next(before, images(2));
    const slots = network.parameters.map((spec) => [spec.name, (isTrainable(spec) ? next : before)[`memory/${spec.name}`]!]);
    let values: State = Object.fromEntries(slots); // the averaged weights, and statistics that no batch has moved yet
    for (const part of [0, 1]) {
      const own = tf.slice(tf.div(tf.mul(images(2), 255), 255), [2 * part], [2]);
      const { output, statistics } = network.apply(values, own, { training: true });
      values = { ...values, ...statistics };
      expect(distance(tf.slice(memory.queue(state), [SIZE - 4 + 2 * part, 0], [2, PROJECTION]), unitRows(output))).toBeLessThan(1e-6);
    }
    for (const { name } of network.parameters) expect(distance(state[`memory/${name}`]!, values[name]!), name).toBeLessThan(1e-6);
  });
});
