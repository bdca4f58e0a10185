import { ntXent } from '../../learning/losses/nt-xent.ts';
import { unitRows } from '../../learning/ops/rows.ts';
import { type Tensor, tf } from '../../learning/tensorflow.ts';
import { scalarOf } from '../learning/tensors.ts';
import type { Answer } from './answer.ts';

const V1 = 'Chen et al. 2020 (SimCLR), eq. 1';

/** N images on the axes; the second view of each is `sign` times the first. */
const axes = (images: number, sign: number) => tf.concat([tf.eye(images), tf.mul(tf.eye(images), sign)], 0);
/** N points that lie as far apart as N points can; both views equal. */
const simplex = (images: number) => tf.tile(tf.sub(tf.eye(images), 1 / images), [2, 1]);
const loss = (z: () => Tensor, temperature: number) => () => [tf.tidy(() => scalarOf(ntXent(z(), temperature)))];

export const ntXentAnswers: Answer[] = [
  ...([2, 4, 8, 128, 256, 512, 4096] as const).map(
    (n): Answer => ({
      what: `N = ${n}, all embeddings equal`,
      source: `${V1}: ln(2N − 1)`,
      expected: [Math.log(2 * n - 1)],
      ours: loss(() => tf.ones([2 * n, 4]), 0.5),
    }),
  ),
  ...(
    [
      [2, 0.5, 0.239545],
      [4, 0.5, 0.594438],
      [8, 0.5, 1.062879],
      [4, 1, 1.165422],
      [4, 0.1, 2.7236e-4],
    ] as const
  ).map(
    ([n, t, expected]): Answer => ({
      what: `N = ${n}, T = ${t}, views of an image equal, images orthogonal`,
      source: `${V1}: ln(1 + (2N − 2)·e^(−1/T))`,
      expected: [expected],
      ours: loss(() => axes(n, 1), t),
    }),
  ),
  { what: 'N = 4, T = 0.5, views opposite, images orthogonal', source: V1, expected: [3.814065], ours: loss(() => axes(4, -1), 0.5) },
  ...(
    [
      [0.5, 1.510714],
      [0.1, 4.166802],
      [1, 1.277474],
    ] as const
  ).map(
    ([t, expected]): Answer => ({
      what: `first views (3, 4), (1, 0), second ones (4, 3), (0, 2), T = ${t}`,
      source: V1,
      expected: [expected],
      ours: loss(() => tf.tensor2d([3, 4, 1, 0, 4, 3, 0, 2], [4, 2]), t),
    }),
  ),
  {
    what: 'the same, T = 0.01: finite',
    source: V1,
    expected: [40],
    ours: loss(() => tf.tensor2d([3, 4, 1, 0, 4, 3, 0, 2], [4, 2]), 0.01),
  },
  ...(
    [
      ['views swapped', [4, 3, 0, 2, 3, 4, 1, 0]],
      ['images in another order', [1, 0, 3, 4, 0, 2, 4, 3]],
      ['rows of other lengths', [30, 40, 0.1, 0, 4, 3, 0, 7]],
    ] as const
  ).map(
    ([what, z]): Answer => ({
      what: `the same, T = 0.5, ${what}`,
      source: V1,
      expected: [1.510714],
      ours: loss(() => tf.tensor2d([...z], [4, 2]), 0.5),
    }),
  ),
  ...(
    [
      [512, 0.5, 4.9328],
      [512, 0.2, 2.0566],
      [512, 0.1, 0.04449],
      [256, 0.5, 4.2411],
      [256, 0.2, 1.4747],
      [256, 0.1, 0.022],
      [128, 0.5, 3.5507],
      [128, 0.2, 0.9728],
      [128, 0.1, 0.0106],
      [64, 0.5, 2.8633],
      [32, 0.5, 2.1823],
    ] as const
  ).map(
    ([n, t, expected]): Answer => ({
      what: `N = ${n}, T = ${t}, views equal, images as far apart as they can be`,
      source: `${V1}, the least it can be: ln(1 + (2N − 2)·e^((−1/(N−1) − 1)/T))`,
      expected: [expected],
      ours: loss(() => simplex(n), t),
      within: 1e-4,
    }),
  ),
  ...(
    [
      [4096, 8.318],
      [65_536, 11.0904],
    ] as const
  ).map(
    ([k, expected]): Answer => ({
      what: `N = 1, a queue of K = ${k} negatives, all similarities equal`,
      source: 'He et al. 2020 (MoCo), eq. 1: ln(K + 1)',
      expected: [expected],
      ours: () => [tf.tidy(() => scalarOf(ntXent(unitRows(tf.ones([2, 4])), 0.2, unitRows(tf.ones([k, 4])))))],
    }),
  ),
  { what: 'N = 1', source: V1, expected: [0], ours: loss(() => tf.tensor2d([1, 2, 3, -1], [2, 2]), 0.5) },
];
