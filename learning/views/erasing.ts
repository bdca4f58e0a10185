/**
 * A black box somewhere in a view, by the law of torchvision's RandomErasing: area uniform, aspect log-uniform, ten attempts to find
 * a box that is smaller than the view both ways, else none.
 * @see Zhong et al. 2020, "Random erasing data augmentation"
 */
import type { Random } from '../random.ts';
import { type Tensor, tf } from '../tensorflow.ts';
import { attemptArea, type Box, placed } from './crop-box.ts';
import { eachPlane, type Planes } from './planes.ts';

type Range = [least: number, most: number];

const ATTEMPTS = 10;

/**
 * @param size    side of the view, pixels
 * @param area    share of the view
 * @param aspect  height over width
 */
export function drawErased(random: Random, size: number, area: Range, aspect: Range): Box | undefined {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const sides = attemptArea(random, size, size - 1, area, aspect);
    if (sides) return placed(random, size, { height: sides.width, width: sides.height }); // whose aspect is width over height
  }
  return undefined;
}

/** 1 where a box is, down and across: float32 [B, S, 1] and [B, 1, S]. */
export function erasedSides(boxes: (Box | undefined)[], size: number): { erasedRows: Tensor; erasedColumns: Tensor } {
  const [rows, columns] = [new Float32Array(boxes.length * size), new Float32Array(boxes.length * size)];
  for (const [b, box] of boxes.entries()) {
    if (!box) continue;
    rows.fill(1, b * size + box.top, b * size + box.top + box.height);
    columns.fill(1, b * size + box.left, b * size + box.left + box.width);
  }
  return { erasedRows: tf.tensor3d(rows, [boxes.length, size, 1]), erasedColumns: tf.tensor3d(columns, [boxes.length, 1, size]) };
}

/** Black where both are 1. @param rows  float32 [B, S, 1] @param columns  float32 [B, 1, S] */
export function erase(planes: Planes, rows: Tensor, columns: Tensor): Planes {
  const kept = tf.sub(1, tf.mul(rows, columns));
  return eachPlane(planes, (plane) => tf.mul(plane, kept));
}
