/** Pooling by ops whose tfjs gradient is native already. */
import { type Tensor, tf } from '../tensorflow.ts';

type Map4D = ReturnType<typeof tf.tensor4d>;

/** Mean over the whole map: float32 [B, H, W, C] → [B, C]. As an average pool, since the gradient of tf.mean makes ones on the host. */
export function globalAveragePool(x: Tensor): Tensor {
  const [batch, height, width, channels] = x.shape as [number, number, number, number];
  const pooled = tf.avgPool(x as Map4D, [height, width], 1, 'valid'); // [B, 1, 1, C]
  return tf.reshape(pooled, [batch, channels]);
}

/**
 * The pool of the ImageNet stem: largest of 3×3, stride 2, [B, H, W, C] → [B, ⌈H/2⌉, ⌈W/2⌉, C]. Where a side is even, SimCLR's (TensorFlow's
 * SAME) pads right and below only, torchvision's on every side; odd sides are padded alike.
 * @param x  float32, none below 0: torchvision's padding is zeros here
 */
export function stemPool(x: Tensor, padding: 'simclr' | 'torchvision' = 'simclr'): Tensor {
  const wide = (map: Tensor) =>
    tf.pad(map, [
      [0, 0],
      [1, 1],
      [1, 1],
      [0, 0],
    ]);
  return padding === 'simclr' ? tf.maxPool(x as Map4D, 3, 2, 'same') : tf.maxPool(wide(x) as Map4D, 3, 2, 'valid');
}

/**
 * The pool of a ResNet-D shortcut: mean of 2×2, [B, H, W, C] → [B, ⌈H/stride⌉, ⌈W/stride⌉, C], as tf2/resnet.py pads it: at stride 1 the
 * last row and column are means of the cells there are, at stride 2 an odd side gets one more row or column, of zeros.
 */
export function shortcutPool(x: Tensor, stride: 1 | 2): Tensor {
  if (stride === 1) return tf.avgPool(x as Map4D, 2, 1, 'same');
  const [, height = 0, width = 0] = x.shape;
  const even = (map: Tensor) =>
    tf.pad(map, [
      [0, 0],
      [0, height % 2],
      [0, width % 2],
      [0, 0],
    ]);
  return tf.avgPool((height % 2 || width % 2 ? even(x) : x) as Map4D, 2, 2, 'valid');
}
