/** What lies in a folder of images: where training, test and unlabelled images are, how many, how large. */
import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { countsOf } from '../learning/images/by-class.ts';
import { shorterSide } from '../learning/images/decode.ts';
import { openFolder, readWhole } from '../learning/images/file-tree.ts';
import { IMAGE_BYTES } from '../learning/images/limits.ts';
import type { Listing } from '../learning/images/listing.ts';
import { listSource } from '../learning/images/sources.ts';
import { BadInput } from './problem.ts';

export type Survey = {
  /** Absolute paths. */
  train: string;
  csv?: string;
  test?: string;
  unlabelled?: string;
  classes: string[];
  labelled: number;
  /** Images of the smallest class. */
  smallest: number;
  /** Folders beside the training images that are of no use. */
  unused: string[];
  /** Median of the shorter side of some images, pixels; undefined for arrays. */
  side?: number;
};

const NAMES = {
  train: /^(train|training)$/i,
  test: /^(test|testing|val|valid|validation)$/i,
  unlabelled: /^(unlabelled|unlabeled|unsup|unsorted)$/i,
};
const LOOKED_AT = 40;

/**
 * Look at names, labels and the headers of some images.
 * @throws BadInput when no labelled images are found
 */
export async function survey(folder: string): Promise<Survey> {
  const root = resolve(folder);
  const entries = await readdir(root, { withFileTypes: true });
  const folders = entries
    .filter((entry) => entry.isDirectory() || entry.isSymbolicLink())
    .map(({ name }) => name)
    .sort();
  const named = (pattern: RegExp) => folders.find((name) => pattern.test(name));
  const at = (name: string | undefined) => (name === undefined ? undefined : join(root, name));
  const archive = entries.find(({ name }) => /\.npz$/i.test(name))?.name;
  const train = at(named(NAMES.train)) ?? (archive ? join(root, archive) : root);
  const inTrain = train === root ? entries : archive && train.endsWith(archive) ? [] : await readdir(train, { withFileTypes: true });
  const csvName = inTrain.some((entry) => entry.isDirectory()) ? undefined : inTrain.find(({ name }) => /\.csv$/i.test(name))?.name;
  const csv = csvName ? join(train, csvName) : undefined;
  const listing = await listSource(csv ? { folder: train, labels: csv } : train, 'train', { openTree: openFolder, seed: 1 });
  const counts = countsOf(listing.labels, listing.classes.length);
  if (listing.classes.length < 2)
    throw new BadInput(
      `Cannot write a recipe as labelled images of two classes or more are needed: "${train}" has ${listing.labels.length} images of ${listing.classes.length || 'no'} ${listing.classes.length === 1 ? 'class' : 'classes'}. Put each class in a folder of its own, or add a CSV with the columns file,label`,
    );
  const [testName, unlabelledName] = [named(NAMES.test), named(NAMES.unlabelled)];
  const doubtful = train === root && !csv ? (unlabelledName ?? testName) : undefined;
  if (doubtful !== undefined)
    throw new BadInput(
      `Cannot tell whether "${join(root, doubtful)}" is a class: beside folders of classes it would be one. Put the classes into a folder train beside it`,
    );
  const found = [train, at(testName), at(unlabelledName)];
  return {
    train,
    csv,
    test: train === root ? undefined : (at(testName) ?? (archive ? train : undefined)),
    unlabelled: train === root ? undefined : at(unlabelledName),
    unused: train === root ? [] : folders.filter((name) => !found.includes(join(root, name))),
    classes: listing.classes,
    labelled: counts.reduce((sum, count) => sum + count, 0),
    smallest: Math.min(...counts),
    side: await medianSide(listing),
  };
}

async function medianSide({ access, labels, nameOf }: Listing): Promise<number | undefined> {
  if (access.kind === 'cifar10') return 32;
  if (access.kind === 'npz') return access.array.shape[1];
  if (access.kind !== 'files') return undefined;
  const stride = Math.max(1, Math.floor(labels.length / LOOKED_AT));
  const sides: number[] = [];
  for (let i = 0; i < Math.min(labels.length, LOOKED_AT * stride); i += stride) {
    const side = await readWhole(openFolder(access.root), nameOf(i).at, IMAGE_BYTES)
      .then(shorterSide)
      .catch(() => undefined); // a run sets it aside
    if (side !== undefined) sides.push(side);
  }
  const sorted = sides.sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}
