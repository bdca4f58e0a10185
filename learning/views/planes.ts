/** A batch of images in planes: red, green and blue, each float32 [B, H, W] in [0, 1]. One plane at a time needs no gathers. */
import { type Tensor, tf } from '../tensorflow.ts';

export type Planes = [red: Tensor, green: Tensor, blue: Tensor];

/** The same function on each plane. */
export const eachPlane = ([red, green, blue]: Planes, change: (plane: Tensor) => Tensor): Planes => [
  change(red),
  change(green),
  change(blue),
];

/** To [0, 1]. */
export const clip = (plane: Tensor): Tensor => tf.minimum(tf.relu(plane), 1);
