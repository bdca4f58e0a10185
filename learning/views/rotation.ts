/**
 * A view turned about its middle by any angle, bilinear. What lies beyond the edge is the view mirrored there: black corners would
 * tell the angle, and no image that is classified later has them.
 * @see TensorFlow's ImageProjectiveTransformV3, on CPU and GPU
 */
import { nativeValue } from '../ops/native.ts';
import { type Tensor, tf } from '../tensorflow.ts';
import type { Planes } from './planes.ts';

/**
 * Where in the view the pixel (x, y) of the turned one comes from: x' = a·x + b·y + c, y' = d·x + e·y + f.
 * @param degrees  against the clock, as torchvision's `rotate`
 * @param size     side of the view, pixels
 * @returns        a to f and two zeros: one row of `turns`
 */
export function turnOf(degrees: number, size: number): number[] {
  const angle = (degrees * Math.PI) / 180;
  const [cos, sin, middle] = [Math.cos(angle), Math.sin(angle), (size - 1) / 2];
  return [cos, -sin, middle * (1 - cos + sin), sin, cos, middle * (1 - sin - cos), 0, 0];
}

/** @param turns  float32 [B, 8] of `turnOf` */
export function rotate(planes: Planes, turns: Tensor): Planes {
  const [, height = 0, width = 0] = planes[0].shape;
  const attributes = { types: { dtype: 'float' as const }, texts: { interpolation: 'BILINEAR', fill_mode: 'REFLECT' } };
  const inputs = [tf.stack(planes, -1), turns, tf.tensor1d([height, width], 'int32'), tf.scalar(0)];
  return tf.unstack(nativeValue('ImageProjectiveTransformV3', attributes, inputs), -1) as Planes;
}
