/**
 * Colour operations of SimCLR as tf.image does them, on planes, with one factor an image: factors are float32 [B, 1, 1].
 * @see google-research/simclr data_util.py color_jitter_rand; Smith 1978 for the hexcone (HSV)
 */
import { type Tensor, tf } from '../tensorflow.ts';
import { clip, eachPlane, type Planes } from './planes.ts';

/** Below this a pixel has no colour; keeps divisions finite. */
const NO_CHROMA = 1e-9;
/** ITU-R 601, as tf.image.rgb_to_grayscale. */
const LUMINANCE = [0.2989, 0.587, 0.114] as const;

/** x · factor, clipped: brightness of SimCLR's v2. */
export function brightness(planes: Planes, factor: Tensor): Planes {
  return eachPlane(planes, (plane) => clip(tf.mul(plane, factor)));
}

/** x + shift, clipped: brightness of SimCLR's v1. */
export function brightnessShift(planes: Planes, shift: Tensor): Planes {
  return eachPlane(planes, (plane) => clip(tf.add(plane, shift)));
}

/** (x − mean) · factor + mean, clipped; the mean is that of each channel of each image. */
export function contrast(planes: Planes, factor: Tensor): Planes {
  const rest = tf.sub(1, factor);
  return eachPlane(planes, (plane) => clip(tf.add(tf.mul(plane, factor), tf.mul(tf.mean(plane, [1, 2], true), rest))));
}

/** Largest channel of every pixel (V of HSV) and what the smallest lies below it. */
function valueAndChroma([red, green, blue]: Planes): { value: Tensor; chroma: Tensor } {
  const value = tf.maximum(tf.maximum(red, green), blue);
  return { value, chroma: tf.sub(value, tf.minimum(tf.minimum(red, green), blue)) };
}

/** S of HSV · factor, at most 1: V stays, and every channel's distance to V grows by the same ratio, until the least is 0. */
export function saturation(planes: Planes, factor: Tensor): Planes {
  const { value, chroma } = valueAndChroma(planes);
  const ratio = tf.minimum(tf.div(value, tf.maximum(chroma, NO_CHROMA)), factor);
  return eachPlane(planes, (plane) => tf.sub(value, tf.mul(tf.sub(value, plane), ratio)));
}

/** Hue in sixths of a turn, in [−1, 5]: 0 red, 2 green, 4 blue. */
function hueOf([red, green, blue]: Planes, value: Tensor, chroma: Tensor): Tensor {
  const greenOrBlue = tf.where(
    tf.equal(green, value),
    tf.add(tf.sub(blue, red), tf.mul(chroma, 2)),
    tf.add(tf.sub(red, green), tf.mul(chroma, 4)),
  );
  return tf.div(tf.where(tf.equal(red, value), tf.sub(green, blue), greenOrBlue), tf.maximum(chroma, NO_CHROMA));
}

/** Hue turned by `turn` turns; V and chroma stay. From hue h, a channel is V − C · clamp(2 − d, 0, 1), d its distance to h. */
export function hue(planes: Planes, turn: Tensor): Planes {
  const { value, chroma } = valueAndChroma(planes);
  const turned = tf.add(hueOf(planes, value, chroma), tf.mul(turn, 6));
  const h = tf.sub(turned, tf.mul(tf.floor(tf.div(turned, 6)), 6)); // [0, 6)
  const channel = (opposite: number) => {
    const apart = tf.abs(tf.sub(h, opposite));
    const d = opposite === 3 ? apart : tf.minimum(apart, tf.sub(6, apart)); // round the circle; from 3 it is never far
    return tf.sub(value, tf.mul(chroma, clip(tf.sub(2, d))));
  };
  return [channel(3), channel(5), channel(1)]; // cyan, magenta and yellow lie opposite to red, green and blue
}

/** Luminance in all three channels where `gray` is 1, unchanged where it is 0. */
export function grayscale(planes: Planes, gray: Tensor): Planes {
  const [red, green, blue] = planes;
  const luminance = tf.add(tf.add(tf.mul(red, LUMINANCE[0]), tf.mul(green, LUMINANCE[1])), tf.mul(blue, LUMINANCE[2]));
  const [grayPart, rest] = [tf.mul(luminance, gray), tf.sub(1, gray)];
  return eachPlane(planes, (plane) => tf.add(tf.mul(plane, rest), grayPart));
}

export const OPERATIONS = { brightness, contrast, saturation, hue } as const;
export type Operation = keyof typeof OPERATIONS;
/** The operations of each form of jitter. */
export const FORMS = { v2: OPERATIONS, v1: { ...OPERATIONS, brightness: brightnessShift } } as const;

/** The `index`-th of the 24 orders of the four operations, counted as numbers of the mixed base 4, 3, 2, 1. */
export function operationOrder(index: number): Operation[] {
  const left: Operation[] = ['brightness', 'contrast', 'saturation', 'hue'];
  let rest = index;
  return [4, 3, 2, 1].map((choices) => {
    const [chosen] = left.splice(rest % choices, 1);
    rest = Math.floor(rest / choices);
    return chosen!;
  });
}
