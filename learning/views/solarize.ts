/**
 * What is bright inverted, as an over-exposed film is.
 * @see Grill et al. 2020 (BYOL), appendix B; torchvision's `solarize`
 */
import { type Tensor, tf } from '../tensorflow.ts';
import { clip, eachPlane, type Planes } from './planes.ts';

/** Threshold of a view that stays as it is. */
export const NEVER = Number.POSITIVE_INFINITY;

/** 1 − x where x is at least the threshold. @param threshold  float32 [B, 1, 1] */
export function solarize(planes: Planes, threshold: Tensor): Planes {
  return eachPlane(planes, (plane) => tf.where(tf.less(plane, threshold), plane, clip(tf.sub(1, plane))));
}
