import { describe, expect, test } from 'vitest';
import type { ParameterSpec, Part, Role, State } from '../../../learning/networks/parameters.ts';
import { adamw } from '../../../learning/optimizers/adamw.ts';
import { lars } from '../../../learning/optimizers/lars.ts';
import { momentum } from '../../../learning/optimizers/momentum.ts';
import type { Optimizer, Settings } from '../../../learning/optimizers/optimizer.ts';
import { tf } from '../../../learning/tensorflow.ts';
import { expectNoLeak, valuesOf } from '../tensors.ts';

const pair = (role: Role = 'kernel', part: Part = 'encoder'): ParameterSpec[] => [
  { name: 'w', shape: [2], initial: { kind: 'zeros' }, role, part },
];

type Making = (parameters: ParameterSpec[], settings: Settings) => Optimizer;

/** The values of w after each step with these gradients. */
function walk(
  make: Making,
  start: number[],
  gradients: number[][],
  { specs = pair(), rate = 1, ...more }: Partial<Settings> & { specs?: ParameterSpec[]; rate?: number } = {},
): number[][] {
  const optimizer = make(specs, { weightDecay: 0, ...more });
  let state: State = { w: tf.tensor1d(start), ...Object.fromEntries(optimizer.slots.map(({ name, shape }) => [name, tf.zeros(shape)])) };
  return gradients.map((gradient) => {
    state = { ...state, ...optimizer.update(state, { w: tf.tensor1d(gradient) }, tf.scalar(rate)) };
    return valuesOf(state.w!);
  });
}

function expectPath(path: number[][], wanted: number[][]): void {
  expect(path.length).toBe(wanted.length);
  for (const [i, values] of path.entries()) for (const [j, value] of values.entries()) expect(value).toBeCloseTo(wanted[i]![j]!, 6);
}

const g = [0.6, 0.8];

describe('lars: known answers (method.md §5, SimCLR’s variant)', () => {
  test('lars: w = 3, 4 with gradient 0.6, 0.8 walks as in lars_optimizer.py', () => {
    expectPath(walk(lars, [3, 4], [g, g, g]), [
      [2.997, 3.996],
      [2.991303, 3.988404],
      [2.9831844, 3.9775792],
    ]);
  });

  test('lars: weight decay along w changes nothing, the trust ratio takes it back', () => {
    expectPath(walk(lars, [3, 4], [g], { weightDecay: 0.1 }), [[2.997, 3.996]]);
  });

  test('lars: the decay term counts in the norm of the gradient', () => {
    expectPath(walk(lars, [3, 4], [[1, 0]], { weightDecay: 0.1 }), [[3 - 0.0047789, 4 - 0.0014704]]);
  });

  test('lars: zero weights have trust 1, a zero gradient moves nothing', () => {
    expectPath(walk(lars, [0, 0], [g]), [[-0.6, -0.8]]);
    expectPath(walk(lars, [3, 4], [[0, 0]]), [[3, 4]]);
  });

  test.each<[Role, Part]>([
    ['bias', 'encoder'],
    ['gamma', 'encoder'],
    ['beta', 'head'],
  ])('lars: a %s of the %s moves by plain momentum without decay', (role, part) => {
    const v2 = (x: number) => 0.9 * x + x;
    expectPath(walk(lars, [3, 4], [g, g], { specs: pair(role, part), weightDecay: 0.1 }), [
      [2.4, 3.2],
      [2.4 - v2(0.6), 3.2 - v2(0.8)],
    ]);
  });

  test('lars: the classification layer decays but does not adapt, unless it is told to, as in distillation', () => {
    const settings = { specs: pair('kernel', 'classifier'), weightDecay: 0.1 };
    expectPath(walk(lars, [3, 4], [g], settings), [[3 - 0.9, 4 - 1.2]]);
    expectPath(walk(lars, [3, 4], [g], { ...settings, classifierAdapts: true }), [[2.997, 3.996]]);
  });
});

describe('momentum', () => {
  test('momentum: is Nesterov’s form with 0.9', () => {
    // v1 = 1, w1 = 1 − 0.1·(1 + 0.9); v2 = 1.9, w2 = w1 − 0.1·(1 + 0.9·1.9)
    expectPath(
      walk(
        momentum,
        [1, 2],
        [
          [1, 1],
          [1, 1],
        ],
        { rate: 0.1 },
      ),
      [
        [0.81, 1.81],
        [0.539, 1.539],
      ],
    );
  });

  test('momentum: weight decay acts on kernels and on nothing else', () => {
    expectPath(walk(momentum, [1, 2], [[0, 0]], { weightDecay: 0.1 }), [[1 - 0.19, 2 - 0.38]]);
    for (const role of ['bias', 'gamma', 'beta'] as const)
      expectPath(walk(momentum, [1, 2], [[0, 0]], { specs: pair(role), weightDecay: 0.1 }), [[1, 2]]);
  });

  test('momentum: the classification layer learns faster by its factor', () => {
    expectPath(walk(momentum, [1, 1], [[1, 1]], { specs: pair('kernel', 'classifier'), classifierRate: 10, rate: 0.01 }), [[0.81, 0.81]]);
    expectPath(walk(momentum, [1, 1], [[1, 1]], { classifierRate: 10, rate: 0.01 }), [[0.981, 0.981]]);
  });
});

describe('adamw', () => {
  test('adamw: the first step is the rate itself, whatever the gradient, and against its sign', () => {
    expectPath(walk(adamw, [1, 1], [[1e-3, -40]], { rate: 0.01 }), [[0.99, 1.01]]);
  });

  test('adamw: the second step goes by both averages, without their bias', () => {
    // m = 0.9·0.1·1 − 0.1·1 = −0.01, / (1 − 0.81); v = 0.999·0.001 + 0.001 = 0.001999, / (1 − 0.998001): 1; w2 = w1 + 0.1·0.01/0.19
    expectPath(
      walk(
        adamw,
        [1, 1],
        [
          [1, 1],
          [-1, -1],
        ],
        { rate: 0.1 },
      ),
      [
        [0.9, 0.9],
        [0.9 + 0.1 * (0.01 / 0.19), 0.9 + 0.1 * (0.01 / 0.19)],
      ],
    );
  });

  test('adamw: weight decay shrinks kernels by rate and decay, apart from the gradient, and nothing else', () => {
    expectPath(walk(adamw, [1, 2], [[0, 0]], { weightDecay: 0.1, rate: 0.5 }), [[0.95, 1.9]]);
    expectPath(walk(adamw, [1, 2], [[3, 3]], { weightDecay: 0.1, rate: 0.5 }), [[0.95 - 0.5, 1.9 - 0.5]]);
    for (const role of ['bias', 'gamma', 'beta'] as const)
      expectPath(walk(adamw, [1, 2], [[0, 0]], { specs: pair(role), weightDecay: 0.1 }), [[1, 2]]);
  });

  test('adamw: the classification layer learns faster by its factor', () => {
    expectPath(walk(adamw, [1, 1], [[1, 1]], { specs: pair('kernel', 'classifier'), classifierRate: 10, rate: 0.01 }), [[0.9, 0.9]]);
  });
});

test.each([
  ['lars', lars, ['momentum/w']],
  ['momentum', momentum, ['momentum/w']],
  ['adamw', adamw, ['adam/mean/w', 'adam/square/w', 'adam/steps']],
] as const)('%s: statistics get no slot and no update, and no tensor is left behind', (_name, make, slots) => {
  const specs = [...pair(), { ...pair('mean')[0]!, name: 'm' }];
  const optimizer = make(specs, { weightDecay: 0.1 });
  expect(optimizer.slots.map(({ name }) => name)).toEqual(slots);
  const zeros = Object.fromEntries(optimizer.slots.map(({ name, shape }) => [name, tf.zeros(shape)]));
  const state = { w: tf.tensor1d([1, 2]), m: tf.tensor1d([0, 0]), ...zeros };
  expectNoLeak(() => {
    const updated = optimizer.update(state, { w: tf.tensor1d([1, 1]) }, tf.scalar(1));
    expect(Object.keys(updated).sort()).toEqual([...slots, 'w'].sort());
  });
});
