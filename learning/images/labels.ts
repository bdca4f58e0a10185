/** Which labels a run may look at: a share of each class, drawn from the seed. */
import { randomStream } from '../random.ts';

/**
 * The labelled images of one draw. Stratified: `max(1, round(fraction · n))` of each class of n. Nested: of one draw, a smaller
 * fraction lies inside a larger one, so that learning curves differ by images added, not by luck.
 * @param labels    int32 [N], class of each image or −1 for none
 * @param classes   how many classes there are; one without images is left out
 * @param fraction  in (0, 1]; 1 takes every labelled image
 * @param draw      which draw, 0, 1, …
 * @returns         int32, positions in `labels`, ascending
 * @throws RangeError when the fraction is out of range
 */
export function drawLabels(labels: Int32Array, classes: number, fraction: number, draw: number, seed: number): Int32Array {
  if (!(fraction > 0 && fraction <= 1))
    throw new RangeError(`Cannot draw labels as the fraction must be above 0 and at most 1: ${fraction}`);
  const members = Array.from({ length: classes }, (): number[] => []);
  labels.forEach((label, position) => members[label]?.push(position));
  const drawn = members.flatMap((positions, label) => {
    const count = positions.length && Math.max(1, Math.round(fraction * positions.length));
    const order = randomStream(seed, 'labels', draw, label).permutation(positions.length);
    return Array.from(order.subarray(0, count), (i) => positions[i]!);
  });
  return Int32Array.from(drawn).sort();
}
