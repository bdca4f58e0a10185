import { describe, expect, test } from 'vitest';
import { convolution } from '../../../learning/ops/convolution.ts';
import { globalAveragePool, shortcutPool, stemPool } from '../../../learning/ops/pool.ts';
import { type Tensor, tf } from '../../../learning/tensorflow.ts';
import { distance, expectGradient, expectNoLeak, gradientsOf, noise, valuesOf } from '../tensors.ts';

type Tensor4D = ReturnType<typeof tf.tensor4d>;

/** The same padding written out as zeros. */
function padded(x: Tensor, kernel: Tensor, stride: number): Tensor {
  const edge = (kernel.shape[0]! - 1) / 2;
  const wide = tf.pad(x, [
    [0, 0],
    [edge, edge],
    [edge, edge],
    [0, 0],
  ]);
  return tf.conv2d(wide as Tensor4D, kernel as Tensor4D, stride, 'valid');
}

describe.each([
  { size: 1, stride: 1 },
  { size: 1, stride: 2 },
  { size: 3, stride: 1 },
  { size: 3, stride: 2 },
  { size: 7, stride: 2 },
])('convolution $size×$size, stride $stride', ({ size, stride }) => {
  const f = (x: Tensor, kernel: Tensor) => convolution(x, kernel, stride);
  const slow = (x: Tensor, kernel: Tensor) => padded(x, kernel, stride);

  test.each([8, 9])('convolution: value and gradients equal those of zeros added by hand, side %i', (side) => {
    const inputs = [noise([2, side, side, 3], 1), noise([size, size, 3, 4], 2)];
    expect(f(inputs[0]!, inputs[1]!).shape).toEqual([2, Math.ceil(side / stride), Math.ceil(side / stride), 4]);
    expect(distance(f(inputs[0]!, inputs[1]!), slow(inputs[0]!, inputs[1]!))).toBeLessThan(1e-4);
    const [ours, theirs] = [gradientsOf(f, inputs), gradientsOf(slow, inputs)];
    for (const i of [0, 1]) expect(distance(ours[i]!, theirs[i]!)).toBeLessThan(1e-3);
  });
});

test('convolution: the kernel gets its gradient when the images need none', () => {
  const [x, kernel] = [noise([2, 6, 6, 3], 3), noise([3, 3, 3, 2], 4)];
  const alone = gradientsOf((k) => convolution(x, k, 1, { inputGradient: false }), [kernel])[0]!;
  expect(distance(alone, gradientsOf((k) => convolution(x, k, 1), [kernel])[0]!)).toBe(0);
});

// Layers of eight channels and odd batches are where oneDNN's strided kernels corrupt memory.
test.each([
  [1, 8, 8],
  [3, 8, 8],
  [5, 7, 8],
  [4, 9, 6],
])(
  'convolution: of 1×1 with stride 2, %i images of side %i, %i channels: every second pixel, and so do the gradients',
  (batch, side, channels) => {
    const [x, kernel] = [noise([batch, side, side, channels], 1), noise([1, 1, channels, 16], 2)];
    const strided = (at: Tensor, k: Tensor) => convolution(at, k, 2);
    // the same as a product with a matrix that picks pixels
    const places = Array.from({ length: Math.ceil(side / 2) }, (_, i) => 2 * i);
    const product = (at: Tensor, k: Tensor) => {
      const rows = tf.gather(tf.gather(at, tf.tensor1d(places, 'int32'), 1), tf.tensor1d(places, 'int32'), 2);
      return tf.reshape(tf.matMul(tf.reshape(rows, [-1, channels]), tf.reshape(k, [channels, 16])), [
        batch,
        places.length,
        places.length,
        16,
      ]);
    };
    expect(distance(strided(x, kernel), product(x, kernel))).toBeLessThan(1e-5);
    const [ours, theirs] = [gradientsOf(strided, [x, kernel]), gradientsOf(product, [x, kernel])];
    for (const i of [0, 1]) expect(distance(ours[i]!, theirs[i]!)).toBeLessThan(1e-4);
  },
);

test('convolution: no tensor is left behind', () => {
  const inputs = [noise([1, 4, 4, 2], 5), noise([3, 3, 2, 2], 6)];
  expectNoLeak(() => void gradientsOf((x, k) => convolution(x, k, 2), inputs));
});

test('globalAveragePool: value and gradient equal those of tf.mean over the map', () => {
  const x = noise([3, 4, 5, 2], 7);
  const mean = (at: Tensor) => tf.mean(at, [1, 2]);
  expect(distance(globalAveragePool(x), mean(x))).toBeLessThan(1e-6);
  expect(distance(gradientsOf(globalAveragePool, [x])[0]!, gradientsOf(mean, [x])[0]!)).toBeLessThan(1e-6);
});

test('stemPool: the largest of 3×3 at every second place', () => {
  const x = tf.tensor4d(
    Array.from({ length: 16 }, (_, i) => i),
    [1, 4, 4, 1],
  );
  expect(valuesOf(stemPool(x))).toEqual([10, 11, 14, 15]); // rows 0–2 and 2–3, as SAME pads right and below
});

const counting = (side: number) =>
  tf.tensor4d(
    Array.from({ length: side * side }, (_, i) => i),
    [1, side, side, 1],
  );

test('stemPool: as torchvision pads, all around; where the side is odd both pad alike', () => {
  expect(valuesOf(stemPool(counting(4), 'torchvision'))).toEqual([5, 7, 13, 15]); // rows −1–1 and 1–3
  expect(valuesOf(stemPool(counting(5), 'torchvision'))).toEqual(valuesOf(stemPool(counting(5))));
});

test('shortcutPool: means of 2×2, at stride 1 of the cells there are, at stride 2 with zeros where the side is odd', () => {
  expect(valuesOf(shortcutPool(counting(2), 1))).toEqual([1.5, 2, 2.5, 3]); // 0 1 / 2 3
  expect(valuesOf(shortcutPool(counting(3), 2))).toEqual([2, 1.75, 3.25, 2]); // 0 1 2 / 3 4 5 / 6 7 8
  expect(valuesOf(shortcutPool(counting(4), 2))).toEqual([2.5, 4.5, 10.5, 12.5]);
});

test.each([
  ['stemPool', (x: Tensor) => stemPool(x, 'torchvision')],
  ['shortcutPool, stride 1', (x: Tensor) => shortcutPool(x, 1)],
  ['shortcutPool, stride 2', (x: Tensor) => shortcutPool(x, 2)],
] as const)('%s: the gradient agrees with finite differences', (_name, pool) => {
  expectGradient(pool, [tf.add(tf.abs(noise([1, 5, 5, 2], 8)), 1)]);
});
