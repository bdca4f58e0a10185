/** Two ops on rows, each with a gradient of a few small ops. */
import { type Tensor, tf } from '../tensorflow.ts';
import { nativeValue, withGradient } from './native.ts';

/** Every row scaled to length 1 (a row of zeros stays): float32 [B, D] → [B, D]. As tf.math.l2_normalize, ε = 1e-12. */
export function unitRows(x: Tensor): Tensor {
  return withGradient(
    [x],
    () => {
      const inverse = tf.rsqrt(tf.maximum(tf.sum(tf.square(x), 1, true), 1e-12)); // [B, 1]
      const value = tf.mul(x, inverse);
      return { value, saved: [value, inverse] };
    },
    (dy, [y, inverse]) => [tf.mul(inverse!, tf.sub(dy, tf.mul(y!, tf.sum(tf.mul(dy, y!), 1, true))))],
  );
}

/** A square matrix [n, n] with `value` on its diagonal; no gradient flows through the diagonal. */
export function withDiagonal(matrix: Tensor, value: number): Tensor {
  const size = matrix.shape[0] ?? 0;
  const set = (m: Tensor, v: number) => nativeValue('MatrixSetDiag', { types: { T: 'float' } }, [m, tf.fill([size], v)]);
  return withGradient(
    [matrix],
    () => ({ value: set(matrix, value), saved: [] }),
    (dy) => [set(dy, 0)],
  );
}
