import type { ParameterSpec, State } from '../../learning/networks/parameters.ts';
import { adamw } from '../../learning/optimizers/adamw.ts';
import { lars } from '../../learning/optimizers/lars.ts';
import { momentum } from '../../learning/optimizers/momentum.ts';
import { type Settings, tensorOf } from '../../learning/optimizers/optimizer.ts';
import { learningRateAt, planTraining } from '../../learning/plan.ts';
import { type Tensor, tf } from '../../learning/tensorflow.ts';
import { valuesOf } from '../learning/tensors.ts';
import type { Answer } from './answer.ts';

const W = (more: Partial<ParameterSpec> = {}): ParameterSpec => ({
  name: 'w',
  shape: [2],
  initial: { kind: 'zeros' },
  role: 'kernel',
  part: 'encoder',
  ...more,
});

/** Where w stands after each of the gradients, learning rate 1. */
function walk(
  make: typeof lars,
  start: number[],
  gradients: number[][],
  settings: Settings = { weightDecay: 0 },
  spec: ParameterSpec = W(),
): () => number[] {
  return () =>
    tf.tidy(() => {
      const optimizer = make([spec], settings);
      const slots = optimizer.slots.map(({ name, shape }): [string, Tensor] => [name, tf.zeros(shape)]);
      let state: State = { w: tf.tensor1d(start), ...Object.fromEntries(slots) };
      return gradients.flatMap((gradient) => {
        state = { ...state, ...optimizer.update(state, { w: tf.tensor1d(gradient) }, tf.scalar(1)) };
        return valuesOf(tensorOf(state, 'w'));
      });
    });
}

const G = [0.6, 0.8];
const LARS = 'google-research/simclr lars_optimizer.py, classic momentum';
export const optimizerAnswers: Answer[] = [
  {
    what: 'w = (3, 4), g = (0.6, 0.8), three steps',
    source: LARS,
    expected: [2.997, 3.996, 2.991303, 3.988404, 2.9831844, 3.9775792],
    ours: walk(lars, [3, 4], [G, G, G]),
  },
  {
    what: 'the same with weight decay 0.1, one step',
    source: LARS,
    expected: [2.997, 3.996],
    ours: walk(lars, [3, 4], [G], { weightDecay: 0.1 }),
  },
  {
    what: 'w = (3, 4), g = (1, 0), weight decay 0.1',
    source: `${LARS}: trust 0.003676073`,
    expected: [3 - 0.0047789, 4 - 0.0014704],
    ours: walk(lars, [3, 4], [[1, 0]], { weightDecay: 0.1 }),
  },
  { what: 'w = 0: trust 1', source: LARS, expected: [-0.6, -0.8], ours: walk(lars, [0, 0], [G]) },
  { what: 'g = 0, no decay: nothing moves', source: LARS, expected: [3, 4], ours: walk(lars, [3, 4], [[0, 0]]) },
  {
    what: 'the loss doubled: an adapted step stays',
    source: LARS,
    expected: [2.997, 3.996],
    ours: walk(lars, [3, 4], [[1.2, 1.6]]),
  },
  {
    what: 'the loss doubled: that of a bias doubles',
    source: LARS,
    expected: [3 - 1.2, 4 - 1.6],
    ours: walk(lars, [3, 4], [[1.2, 1.6]], undefined, W({ role: 'bias' })),
  },
  {
    what: 'Nesterov momentum, w = 1, g = 1 twice, rate 1',
    source: 'TensorFlow MomentumOptimizer(use_nesterov=True): v ← 0.9·v + g, w ← w − (g + 0.9·v)',
    expected: [-0.9, -0.9, -3.61, -3.61],
    ours: walk(
      momentum,
      [1, 1],
      [
        [1, 1],
        [1, 1],
      ],
    ),
  },
  {
    what: 'AdamW, w = (3, 4), g = (0.6, −40): the first step is the rate, 1',
    source: 'Loshchilov and Hutter 2019, Algorithm 2',
    expected: [2, 5],
    ours: walk(adamw, [3, 4], [[0.6, -40]]),
  },
  {
    what: 'AdamW, g = 0, weight decay 0.1: w shrinks by it',
    source: 'Loshchilov and Hutter 2019, Algorithm 2',
    expected: [2.7, 3.6],
    ours: walk(adamw, [3, 4], [[0, 0]], { weightDecay: 0.1 }),
  },
];

const CIFAR = { steps: 97_657, warmupSteps: 976, peak: 2 };
const SCHEDULE = 'google-research/simclr model.py, CIFAR-10 of its README (N 50,000, B 512, 1,000 epochs)';
export const scheduleAnswers: Answer[] = [
  ...(
    [
      [0, 0],
      [488, 1],
      [976, 2],
      [976 + (97_657 - 976) / 2, 1],
      [97_656, 5e-10],
    ] as const
  ).map(
    ([step, expected]): Answer => ({
      what: `learning rate at step ${step}`,
      source: SCHEDULE,
      expected: [expected],
      ours: () => [learningRateAt(CIFAR, step)],
      within: 1e-9,
    }),
  ),
  ...(
    [
      [64, 0.6],
      [128, 0.849],
      [256, 1.2],
      [512, 1.697],
      [1024, 2.4],
    ] as const
  ).map(
    ([batch, expected]): Answer => ({
      what: `peak of 0.075·√B at B = ${batch}`,
      source: 'google-research/simclr README',
      expected: [expected],
      ours: () => [planTraining({ images: 50_000, batch, epochs: 1, learningRate: { base: 0.075, scaling: 'sqrt' } }).peak],
      within: 1e-3,
    }),
  ),
];
