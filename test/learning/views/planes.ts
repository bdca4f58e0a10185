/** What the tests of view operations share: planes from pixels and back. */

import { type Tensor, tf } from '../../../learning/tensorflow.ts';
import type { Planes } from '../../../learning/views/planes.ts';
import { noise } from '../tensors.ts';

/** Planes of float32 [B, H, W, 3]. */
export function planesOf(images: Tensor): Planes {
  const [red, green, blue] = tf.unstack(images, -1);
  return [red!, green!, blue!];
}

/** float32 [B, H, W, 3] of planes. */
export const imagesOf = (planes: Planes): Tensor => tf.stack(planes, -1);

/** Images of random colours, with black, white, gray and pure ones among them: float32 [B, 8, 8, 3]. */
export function colourfulImages(batch: number): Tensor {
  const corners = [0, 0, 0, 1, 1, 1, 0.5, 0.5, 0.5, 1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 1, 0, 0, 1, 1, 1, 0, 1];
  const some = tf.tile(tf.tensor4d(corners, [1, 1, 9, 3]), [batch, 1, 1, 1]).slice([0, 0, 0, 0], [batch, 1, 8, 3]);
  return tf.concat([some, tf.sigmoid(noise([batch, 7, 8, 3], 3))], 1);
}

/** One factor an image, as the operations take it. */
export const factors = (...values: number[]): Tensor => tf.tensor3d(values, [values.length, 1, 1]);
