/** Pooling by ops whose tfjs gradient is native already. */
import { type Tensor, tf } from '../tensorflow.ts';

/** Mean over the whole map: float32 [B, H, W, C] → [B, C]. As an average pool, since the gradient of tf.mean makes ones on the host. */
export function globalAveragePool(x: Tensor): Tensor {
  const [batch, height, width, channels] = x.shape as [number, number, number, number];
  const pooled = tf.avgPool(x as ReturnType<typeof tf.tensor4d>, [height, width], 1, 'valid'); // [B, 1, 1, C]
  return tf.reshape(pooled, [batch, channels]);
}

/** The pool of the ImageNet stem: 3×3, stride 2, TensorFlow's SAME padding (it pads right and below only). */
export function stemPool(x: Tensor): Tensor {
  return tf.maxPool(x as ReturnType<typeof tf.tensor4d>, 3, 2, 'same');
}
