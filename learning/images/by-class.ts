/** Images of each class. */

/**
 * @param labels    int32 [N], class of each image or −1 for none
 * @param classes   how many there are
 * @param among     int32, positions in `labels`: only these; all when it is missing
 * @returns         int32, positions in `labels`, of each class, in the order of `among`
 */
export function byClass(labels: Int32Array, classes: number, among?: Int32Array): Int32Array[] {
  const length = among?.length ?? labels.length;
  const members = countsOf(labels, classes, among).map((count) => new Int32Array(count));
  const filled = new Int32Array(classes);
  for (let i = 0; i < length; i++) {
    const position = among ? among[i]! : i;
    const label = labels[position]!;
    if (label >= 0) members[label]![filled[label]!++] = position;
  }
  return members;
}

/** How many images there are of each class; parameters as in `byClass`. */
export function countsOf(labels: Int32Array, classes: number, among?: Int32Array): number[] {
  const counts = new Array<number>(classes).fill(0);
  const length = among?.length ?? labels.length;
  for (let i = 0; i < length; i++) {
    const label = labels[among ? among[i]! : i]!;
    if (label >= 0) counts[label]!++;
  }
  return counts;
}

/** The numbers below `count` that are wanted, int32, ascending. */
export function numbersWhere(count: number, isWanted: (number: number) => boolean): Int32Array {
  const numbers = new Int32Array(count);
  let length = 0;
  for (let i = 0; i < count; i++) if (isWanted(i)) numbers[length++] = i;
  return numbers.subarray(0, length);
}
