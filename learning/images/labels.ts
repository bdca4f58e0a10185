/** Which labels a run may look at: a part of each class, drawn from the seed, or the images that a file names. */
import { Failure } from '../../contracts/failures.ts';
import type { LabelDraw, LabelShare } from '../../contracts/recipe.ts';
import { randomStream } from '../random.ts';
import { byClass } from './by-class.ts';
import { type OpenTree, plainPath, readWhole, splitPath } from './file-tree.ts';
import { NAMES, TEXT_BYTES } from './limits.ts';

type Drawn = Extract<LabelDraw, Exclude<LabelShare, { file: string }>>;

/** Ids of many images, some at a time. */
type Pieces = AsyncIterable<string[]> | Iterable<string[]>;

const SHOWN = 5;

/**
 * The labelled images of one draw. Stratified: of each class of n `max(1, round(fraction · n))`, or `min(perClass, n)`. Nested: of one
 * draw, fewer labels lie inside more, so that learning curves differ by images added, not by luck.
 * @param labels   int32 [N], class of each image or −1 for none
 * @param classes  how many classes there are; one without images is left out
 * @param draw     fraction in (0, 1], 1 takes every labelled image, or perClass, at least 1; and which draw, 0, 1, …
 * @returns        int32, positions in `labels`, ascending
 * @throws RangeError when fraction or perClass is out of range
 */
export function drawLabels(labels: Int32Array, classes: number, draw: Drawn, seed: number): Int32Array {
  const countOf = 'perClass' in draw ? perClassOf(draw) : fractionOf(draw);
  const members = byClass(labels, classes);
  const counts = members.map(({ length }) => length && countOf(length));
  const drawn = new Int32Array(counts.reduce((sum, count) => sum + count, 0));
  let filled = 0;
  for (const [label, positions] of members.entries()) {
    const order = randomStream(seed, 'labels', draw.draw, label).permutation(positions.length);
    for (const i of order.subarray(0, counts[label])) drawn[filled++] = positions[i]!;
  }
  return drawn.sort();
}

function fractionOf({ fraction }: { fraction: number }): (images: number) => number {
  if (!(fraction > 0 && fraction <= 1))
    throw new RangeError(`Cannot draw labels as the fraction must be above 0 and at most 1: ${fraction}`);
  return (images) => Math.max(1, Math.round(fraction * images));
}

function perClassOf({ perClass }: { perClass: number }): (images: number) => number {
  if (!(Number.isInteger(perClass) && perClass >= 1))
    throw new RangeError(`Cannot draw labels as the count of a class must be a whole number from 1: ${perClass}`);
  return (images) => Math.min(perClass, images);
}

/**
 * The ids in a file, one a line; empty lines and repetitions do not count, nor does a `./` before a path.
 * @param file  a path or an address
 * @returns     sorted, so that files that name the same images are alike
 * @throws Failure InvalidImages when the file cannot be read, is too large or names nothing
 */
export async function readIds(file: string, openTree: OpenTree): Promise<string[]> {
  const { root, name } = splitPath(file);
  const bytes = await readWhole(openTree(root), name, TEXT_BYTES).catch((error: unknown) => {
    if (!(error instanceof Failure)) throw error;
    return refuse(file, 'it must be a file that can be read, one image id a line', stateOf(error));
  });
  const text = bytes.toString('utf8').replace(/^\ufeff/, '');
  const ids = new Set<string>();
  for (const [line] of text.matchAll(/[^\n]+/g)) {
    const id = plainPath(line.trim());
    if (id) ids.add(id);
    if (ids.size === NAMES) refuse(file, `it must name fewer than ${NAMES} images`, 'it names more');
  }
  if (ids.size === 0) refuse(file, 'it must name images, one a line', 'it names none');
  return [...ids].sort();
}

const stateOf = ({ message, cause }: Failure): string =>
  cause instanceof Error && 'code' in cause && cause.code === 'EISDIR' ? 'it is a folder' : message;

/**
 * The labelled images that a file names.
 * @param labels   int32 [N], class of each image or −1 for none
 * @param ids      of the same N images, and of those of the test set, which are asked for only to say what is wrong
 * @param classes  names of the classes
 * @param file     for messages
 * @param wanted   the ids it names
 * @returns        int32, positions in `labels`, ascending
 * @throws Failure InvalidImages when an id is not among the labelled images, or a class that has images is not named at all
 */
export async function labelsOfIds(
  labels: Int32Array,
  ids: { pool: Pieces; test: Pieces },
  classes: string[],
  file: string,
  wanted: string[],
): Promise<Int32Array> {
  const left = new Set(wanted);
  const found: number[] = [];
  let position = 0;
  for await (const piece of ids.pool) {
    for (const id of piece) {
      if (labels[position]! >= 0 && left.delete(id)) found.push(position);
      position++;
    }
  }
  const positions = Int32Array.from(found);
  if (left.size > 0) {
    const shown = [...left].slice(0, SHOWN).map((id) => `"${id}"`);
    const rule = 'every image it names must be a labelled one to learn from, and readable';
    const tested = await countIn(ids.test, left);
    const hint = `; ${tested} of them are test images: where images.test names none, images.testFraction of each class are`;
    refuse(file, rule, `${left.size} of ${wanted.length} are not, such as ${shown.join(', ')}${tested > 0 ? hint : ''}`);
  }
  const named = new Set(Array.from(positions, (i) => labels[i]!));
  const without = [...new Set(labels)].filter((label) => label >= 0 && !named.has(label)).sort((a, b) => a - b);
  if (without.length > 0) {
    const shown = without.slice(0, SHOWN).map((label) => `"${classes[label]}"`);
    refuse(file, 'every class needs one image at least', `${without.length} have none, such as ${shown.join(', ')}`);
  }
  return positions;
}

async function countIn(pieces: Pieces, wanted: Set<string>): Promise<number> {
  let count = 0;
  for await (const piece of pieces) count += piece.filter((id) => wanted.has(id)).length;
  return count;
}

function refuse(file: string, rule: string, state: string): never {
  throw new Failure('InvalidImages', `Cannot take labels from "${file}" as ${rule}: ${state}`);
}
