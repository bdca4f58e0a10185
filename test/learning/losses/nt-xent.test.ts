import { describe, expect, test } from 'vitest';
import { contrastiveMetrics, ntXent } from '../../../learning/losses/nt-xent.ts';
import { type Tensor, tf } from '../../../learning/tensorflow.ts';
import { distance, expectGradient, expectNoLeak, gradientsOf, noise, scalarOf } from '../tensors.ts';

/** N images on the axes; the second view of each is `sign` times the first. */
const axes = (images: number, sign: number): Tensor => tf.concat([tf.eye(images), tf.mul(tf.eye(images), sign)], 0);

describe('ntXent: known answers (method.md §5, the paper’s mean)', () => {
  test.each([
    [2, 1.098612],
    [4, 1.94591],
    [8, 2.70805],
    [128, 5.541264],
    [512, 6.930495],
  ])('ntXent: N = %i equal embeddings give ln(2N − 1) = %f', (images, wanted) => {
    for (const temperature of [0.1, 1]) expect(scalarOf(ntXent(tf.ones([2 * images, 4]), temperature))).toBeCloseTo(wanted, 4);
  });

  test.each([
    [2, 0.5, 0.239545],
    [4, 0.5, 0.594438],
    [8, 0.5, 1.062879],
    [4, 1, 1.165422],
    [4, 0.1, 2.7236e-4],
  ])('ntXent: equal positives, orthogonal images, N = %i, T = %f: ln(1 + (2N−2)e^(−1/T)) = %f', (images, temperature, wanted) => {
    expect(scalarOf(ntXent(axes(images, 1), temperature))).toBeCloseTo(wanted, 5);
  });

  test('ntXent: opposite positives, orthogonal images, N = 4, T = 0.5 give 3.814065', () => {
    expect(scalarOf(ntXent(axes(4, -1), 0.5))).toBeCloseTo(3.814065, 5);
  });

  test.each([
    [0.5, 1.510714],
    [0.1, 4.166802],
    [1, 1.277474],
  ])('ntXent: the worked example at T = %f gives %f', (temperature, wanted) => {
    expect(
      scalarOf(
        ntXent(
          tf.tensor2d([
            [3, 4],
            [1, 0],
            [4, 3],
            [0, 2],
          ]),
          temperature,
        ),
      ),
    ).toBeCloseTo(wanted, 5);
  });
});

describe('ntXent: properties', () => {
  test('ntXent: equals Algorithm 1 of the paper, pair by pair', () => {
    const [images, temperature] = [5, 0.3];
    const rows = noise([2 * images, 4], 1).arraySync() as number[][];
    const cosine = (a: number[], b: number[]) => {
      const dot = (x: number[], y: number[]) => x.reduce((sum, value, i) => sum + value * y[i]!, 0);
      return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
    };
    const pairLoss = (i: number, j: number) => {
      const others = rows.map((row, k) => (k === i ? 0 : Math.exp(cosine(rows[i]!, row) / temperature))).reduce((a, b) => a + b, 0);
      return -Math.log(Math.exp(cosine(rows[i]!, rows[j]!) / temperature) / others);
    };
    let sum = 0;
    for (let k = 0; k < images; k++) sum += pairLoss(k, k + images) + pairLoss(k + images, k);
    expect(scalarOf(ntXent(tf.tensor2d(rows), temperature))).toBeCloseTo(sum / (2 * images), 5);
  });

  test('ntXent: swapping the views, permuting the images and scaling rows change nothing', () => {
    const [first, second] = [noise([4, 3], 2), noise([4, 3], 3)];
    const loss = (a: Tensor, b: Tensor) => scalarOf(ntXent(tf.concat([a, b], 0), 0.5));
    const wanted = loss(first, second);
    expect(loss(second, first)).toBeCloseTo(wanted, 6);
    expect(loss(tf.reverse(first, 0), tf.reverse(second, 0))).toBeCloseTo(wanted, 6);
    expect(loss(tf.mul(first, 7), second)).toBeCloseTo(wanted, 6);
  });

  test('ntXent: value and gradient stay finite at T = 0.01', () => {
    const z = noise([16, 8], 4);
    expect(scalarOf(ntXent(z, 0.01))).toBeGreaterThan(0);
    const [gradient] = gradientsOf((at) => ntXent(at, 0.01), [z]);
    expect(gradient!.dataSync().every(Number.isFinite)).toBe(true);
  });

  test('ntXent: the gradient agrees with finite differences', () => {
    expectGradient((z) => ntXent(z, 0.5), [noise([6, 3], 5)]);
  });

  test('ntXent: no tensor is left behind', () => {
    const z = noise([4, 3], 6);
    expectNoLeak(() => {
      gradientsOf((at) => ntXent(at, 0.5), [z]);
      contrastiveMetrics(z, 0.5);
    });
  });
});

describe('contrastiveMetrics', () => {
  test('contrastiveMetrics: accuracy is the share of first views nearest to their partner', () => {
    const second = tf.tensor2d([
      [1, 0, 0],
      [0, 0, 1],
      [0, 0, 1],
      [0, 0, 1],
    ]);
    const first = tf.tensor2d([
      [1, 0, 0],
      [1, 0.1, 0],
      [1, 0, 0.1],
      [1, 0, 0],
    ]);
    expect(scalarOf(contrastiveMetrics(tf.concat([first, second], 0), 0.5).accuracy)).toBeCloseTo(0.25, 6);
    expect(scalarOf(contrastiveMetrics(axes(4, 1), 0.5).accuracy)).toBe(1);
  });

  test('contrastiveMetrics: the deviation is 0 for equal embeddings, and that of each dimension of the normalised rows else', () => {
    expect(scalarOf(contrastiveMetrics(tf.mul(tf.ones([8, 3]), 5), 0.5).deviation)).toBeCloseTo(0, 5);
    // Each of four dimensions is 1 in two of eight rows: mean 1/4, variance 1/4·(3/4)² + 3/4·(1/4)² = 3/16.
    expect(scalarOf(contrastiveMetrics(tf.mul(axes(4, 1), 7), 0.5).deviation)).toBeCloseTo(Math.sqrt(3 / 16), 5);
    expect(scalarOf(contrastiveMetrics(noise([4000, 64], 1), 0.5).deviation)).toBeCloseTo(1 / Math.sqrt(64), 3);
  });

  test('contrastiveMetrics: equal embeddings have the entropy ln N', () => {
    expect(scalarOf(contrastiveMetrics(tf.ones([8, 3]), 0.5).entropy)).toBeCloseTo(Math.log(4), 5);
    expect(distance(contrastiveMetrics(axes(4, 1), 0.01).entropy, tf.scalar(0))).toBeLessThan(1e-5);
  });
});
