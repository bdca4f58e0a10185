/** Which of the drawn labels stay out of a training, so that they can tell what it is worth, or how honest the student's probabilities are. */
import { randomStream } from '../random.ts';
import { byClass, countsOf } from './by-class.ts';

/**
 * Images that one temperature needs. With fifty it is known to a factor of 1.4 for ten classes and 2 for two (95 % of the time), with
 * ten images to 2 and 3, which helps nobody. So of fifty labels in all none is kept back: they are worth more in training.
 */
const FEWEST = 50;
/** More would tell nothing new, and are better learnt from. */
const MOST = 2000;
/** Labelled images of a class that single epochs take to be judged by some of them: five, where a fifth is held out. */
const LEAST_OF_CLASS = 25;

/** Share of the labelled images to judge trainings on the rest by. */
const JUDGED_BY = 0.2;
/** With fewer images the accuracies of two trainings differ by chance: their standard error is 5 points at a hundred. */
const FEWEST_JUDGED_BY = 100;

/** Positions in the pool, int32, ascending. */
export type HeldOut = { training: Int32Array; heldOut: Int32Array };

/**
 * Stratified: about `share` of each class's drawn images is held out, and at least one of each class is left for training. None at
 * all when fewer than 50 would come together, and about 2,000 at most.
 * @param labels  int32 [N], class of each image or −1 for none
 * @param drawn   int32, positions in `labels`, ascending: `drawLabels`
 * @param share   0 to 1/2
 * @param draw    which draw of labels, 0, 1, …
 */
export function holdOut(labels: Int32Array, drawn: Int32Array, share: number, draw: number, seed: number): HeldOut {
  const settled = Math.min(share, MOST / drawn.length);
  const held = byClass(labels, classesIn(labels), drawn).flatMap((positions, label) => {
    const count = Math.max(0, Math.min(positions.length - 1, Math.round(settled * positions.length)));
    const order = randomStream(seed, 'held out', draw, label).permutation(positions.length);
    return Array.from(order.subarray(0, count), (i) => positions[i]!);
  });
  if (held.length < FEWEST) return { training: drawn, heldOut: new Int32Array() };
  const isHeld = new Set(held);
  return { training: drawn.filter((position) => !isHeld.has(position)), heldOut: Int32Array.from(held).sort() };
}

const classesIn = (labels: Int32Array) => labels.reduce((most, label) => Math.max(most, label + 1), 0);

/**
 * Labels in two, so that trainings on the one part are judged by the other: whole trainings by a fifth, which must be 100 images; or, with
 * `share`, single epochs by that share, which must be 50 images, of 25 labelled ones of every class. Else as `holdOut`.
 * @param classes  their names
 * @returns        nothing held out and what it would take, where there are too few labels
 */
export function splitToJudge(
  labels: Int32Array,
  drawn: Int32Array,
  classes: string[],
  seed: number,
  share?: number,
): { parts: HeldOut; why?: undefined } | { parts?: undefined; why: string } {
  const parts = holdOut(labels, drawn, share ?? JUDGED_BY, 0, seed);
  const why = share === undefined ? tooFewForTrainings(parts) : tooFewForEpochs(labels, parts, classes);
  return why ? { why } : { parts };
}

function tooFewForTrainings({ training, heldOut }: HeldOut): string | undefined {
  if (heldOut.length >= FEWEST_JUDGED_BY) return undefined;
  return `about ${FEWEST_JUDGED_BY / JUDGED_BY} labelled images are needed: there are ${training.length + heldOut.length}`;
}

function tooFewForEpochs(labels: Int32Array, { training, heldOut }: HeldOut, classes: string[]): string | undefined {
  const left = countsOf(labels, classes.length, heldOut);
  const counts = countsOf(labels, classes.length, training).map((count, label) => count + left[label]!);
  const [rarest, images] = [...counts.entries()]
    .filter(([, count]) => count > 0)
    .reduce((least, entry) => (entry[1] < least[1] ? entry : least));
  if (images < LEAST_OF_CLASS)
    return `${LEAST_OF_CLASS} labelled images of every class are needed: of "${classes[rarest]}" there are ${images}`;
  if (heldOut.length > 0) return undefined;
  return `${FEWEST} images must be held out: that share of ${training.length} labelled ones is fewer`;
}
