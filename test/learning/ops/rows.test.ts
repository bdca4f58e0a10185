import { expect, test } from 'vitest';
import { bytesTensor, fromBytes } from '../../../learning/ops/native.ts';
import { unitRows, withDiagonal } from '../../../learning/ops/rows.ts';
import { tf } from '../../../learning/tensorflow.ts';
import { expectGradient, expectNoLeak, gradientsOf, noise, valuesOf } from '../tensors.ts';

test('unitRows: 3, 4 becomes 0.6, 0.8 and a row of zeros stays', () => {
  const values = valuesOf(
    unitRows(
      tf.tensor2d([
        [3, 4],
        [0, 0],
      ]),
    ),
  );
  for (const [i, wanted] of [0.6, 0.8, 0, 0].entries()) expect(values[i]).toBeCloseTo(wanted, 6);
});

test('unitRows: the gradient agrees with finite differences', () => {
  expectGradient(unitRows, [noise([4, 3], 1)]);
});

test('withDiagonal: sets the diagonal and lets no gradient through it', () => {
  const m = tf.tensor2d([
    [1, 2],
    [3, 4],
  ]);
  expect(valuesOf(withDiagonal(m, -9))).toEqual([-9, 2, 3, -9]);
  expectGradient((at) => withDiagonal(at, -9), [m]);
});

test('fromBytes: bytes arrive as the same numbers', () => {
  const pixels = bytesTensor(Uint8Array.of(0, 1, 127, 128, 254, 255), [1, 2, 1, 3]);
  expect(valuesOf(fromBytes(pixels))).toEqual([0, 1, 127, 128, 254, 255]);
  expect(fromBytes(pixels).shape).toEqual([1, 2, 1, 3]);
});

test('unitRows, withDiagonal, bytesTensor: no tensor is left behind', () => {
  const m = noise([3, 3], 2);
  expectNoLeak(() => {
    gradientsOf((at) => withDiagonal(unitRows(at), 1), [m]);
    fromBytes(bytesTensor(new Uint8Array(4), [4]));
  });
});
