/** Which image goes where: into the pool to learn from or the test set, and into which shard. Looks at names, never at pixels. */
import { setImmediate as turn } from 'node:timers/promises';
import { Failure } from '../../contracts/failures.ts';
import type { ImageSource, Recipe } from '../../contracts/recipe.ts';
import { randomStream } from '../random.ts';
import { byClass, numbersWhere } from './by-class.ts';
import type { OpenTree } from './file-tree.ts';
import { type Access, type Listing, sha256 } from './listing.ts';
import type { PlanChunk, PlannedImage, ShardPlan } from './plan-format.ts';
import { listSource } from './sources.ts';
import { TextIndex } from './text-index.ts';

const SHARD_IMAGES = 1024;
const SHARD_BYTES = 64 * 2 ** 20;

export type PlanInput = { images: Recipe['images']; seed: number; openTree: OpenTree };

/** Images of each part by their numbers, int32. */
type Parts = { pool: Int32Array; test: Int32Array };

function refuse(rule: string, state: string): never {
  throw new Failure('InvalidImages', `Cannot plan shards as ${rule}: ${state}`);
}

const describe = (source: ImageSource) =>
  typeof source === 'string' ? `"${source}"` : 'folder' in source ? `"${source.folder}"` : `generated ${source.generated}`;

/** Images of a shard: at most 1024 and at most 64 MiB of pixels, so that any worker holds a few in memory. */
export const shardImages = (size: number): number => Math.max(1, Math.min(SHARD_IMAGES, Math.floor(SHARD_BYTES / (size * size * 3))));

/** The images of all sources, numbered through: those of a source after those of the one before. */
class NumberedImages {
  readonly count: number;
  readonly sources: Access[];
  readonly #listings: Listing[];
  readonly #firsts: number[] = [];

  constructor(listings: Listing[]) {
    this.#listings = listings;
    this.sources = listings.map(({ access }) => access);
    let count = 0;
    for (const { labels } of listings) {
      this.#firsts.push(count);
      count += labels.length;
    }
    this.count = count;
  }

  sourceOf(image: number): number {
    return this.#firsts.findLastIndex((first) => first <= image);
  }

  label(image: number): number {
    const source = this.sourceOf(image);
    return this.#listings[source]!.labels[image - this.#firsts[source]!]!;
  }

  at(image: number): PlannedImage {
    const source = this.sourceOf(image);
    const { id, at } = this.#listings[source]!.nameOf(image - this.#firsts[source]!);
    return { id, at, label: this.label(image), source };
  }
}

function checkClasses({ classes }: Listing, source: ImageSource): void {
  if (classes.length === 0) {
    refuse(
      'training needs labelled images',
      `${describe(source)} has none (put each class in a folder of its own, or name a table: {folder, labels})`,
    );
  }
  if (classes.length < 2) refuse('there must be two classes or more', `${describe(source)} has only "${classes[0]}"`);
}

/**
 * A share of each class to test with, at least one image and never all; drawn by class, so that another class changes nothing here.
 * @returns uint8 [N], 1 for an image to test with; unlabelled ones stay
 */
function splitTest({ labels, classes }: Listing, share: number, seed: number): Uint8Array {
  const isTest = new Uint8Array(labels.length);
  const members = byClass(labels, classes.length);
  for (const [label, name] of classes.entries()) {
    const positions = members[label]!;
    if (positions.length < 2)
      refuse(
        'a class needs 2 labelled images to split a test set off',
        `"${name}" has ${positions.length} (name a test set, or add images)`,
      );
    const count = Math.min(positions.length - 1, Math.max(1, Math.round(share * positions.length)));
    for (const i of randomStream(seed, 'test', name).permutation(positions.length).subarray(0, count)) isTest[positions[i]!] = 1;
  }
  return isTest;
}

const SHOWN = 12;
const shown = (names: string[]) => names.slice(0, SHOWN).join(', ') + (names.length > SHOWN ? `, and ${names.length - SHOWN} more` : '');

/** The test source under the classes of training. */
function underClasses(listing: Listing, classes: string[], source: ImageSource): Listing {
  const unseen = listing.classes.filter((name) => !classes.includes(name));
  if (unseen.length) {
    refuse(
      'every class of the test set must occur in training',
      `${describe(source)} has ${shown(unseen.map((name) => `"${name}"`))}, training has ${shown(classes)}`,
    );
  }
  if (listing.classes.length === 0) refuse('a test set needs labelled images', `${describe(source)} has none`);
  const indices = listing.classes.map((name) => classes.indexOf(name));
  return { ...listing, labels: listing.labels.map((label) => (label < 0 ? -1 : indices[label]!)) };
}

/** Where an image lies, the same for every source that names it. */
function placeOf(access: Access, at: string): string {
  if (access.kind === 'npz') return `${access.root}/${access.path}#${access.array.start}/${at}`;
  return access.kind === 'shapes' ? `shapes#${access.seed}/${access.set}/${at}` : `${access.root}/${at}`;
}

/** Test images never enter the pool: an unlabelled one there is left out, a labelled one is a mistake. Of one source, each is listed once. */
function keepApart(all: NumberedImages, { pool, test }: Parts): Parts {
  if (all.sources.length === 1) return { pool, test };
  const place = (image: number) => {
    const { source, at } = all.at(image);
    return placeOf(all.sources[source]!, at);
  };
  const tested = new TextIndex(test.length, (i) => place(test[i]!));
  for (const i of test.keys()) tested.add(i);
  let [labelled, first] = [0, -1];
  const left = numbersWhere(pool.length, (i) => {
    const isTested = tested.has(place(pool[i]!));
    if (isTested && all.label(pool[i]!) >= 0 && labelled++ === 0) first = pool[i]!;
    return !isTested;
  });
  if (labelled > 0) refuse('test images must not be labelled for training too', `${labelled} are, such as "${all.at(first).id}"`);
  return { pool: left.map((i) => pool[i]!), test };
}

/** Of one source, all names are different. */
function checkIds(all: NumberedImages, images: Int32Array, part: string): void {
  if (all.sources.length === 1) return;
  const seen = new TextIndex(images.length, (i) => all.at(images[i]!).id);
  for (const [i, image] of images.entries())
    if (!seen.add(i)) refuse(`every image of the ${part} needs a name of its own`, `"${all.at(image).id}" occurs twice`);
}

/** Seeded order, so that folders of a class never become shards of one class. */
const shuffled = (role: PlanChunk['role'], images: Int32Array, seed: number): Int32Array =>
  randomStream(seed, 'shards', role)
    .permutation(images.length)
    .map((i) => images[i]!);

function* toChunks(all: NumberedImages, role: PlanChunk['role'], images: Int32Array, size: number): Generator<PlanChunk> {
  const perShard = shardImages(size);
  for (let first = 0; first < images.length; first += perShard) {
    const some = images.subarray(first, first + perShard);
    yield { role, sources: all.sources, images: Array.from(some, (image) => all.at(image)) };
  }
}

async function listUnlabelled({ images, seed, openTree }: PlanInput): Promise<Listing[]> {
  const listings: Listing[] = [];
  for (const [i, source] of images.unlabelled.entries()) {
    const name = `unlabelled-${i + 1}`;
    const listing = await listSource(source, 'unlabelled', { openTree, seed, name });
    const nameOf = (position: number) => {
      const { id, at } = listing.nameOf(position);
      return { id: id.startsWith(`${name}/`) ? id : `${name}/${id}`, at };
    };
    listings.push({ ...listing, nameOf });
  }
  return listings;
}

/** Which images are for the pool and which to test with. @param test  whether there is a source of its own for these, the second one */
function divide(all: NumberedImages, train: Listing, test: boolean, { images, seed }: PlanInput): Parts {
  const split = test ? undefined : splitTest(train, images.testFraction, seed);
  const isOfTestSource = (image: number) => test && all.sourceOf(image) === 1;
  return keepApart(all, {
    pool: numbersWhere(all.count, (image) => !(split ? split[image] : isOfTestSource(image))),
    test: numbersWhere(all.count, (image) => (split ? split[image] === 1 : isOfTestSource(image) && all.label(image) >= 0)),
  });
}

function countPart(all: NumberedImages, images: Int32Array, size: number) {
  const labelled = images.reduce((sum, image) => sum + (all.label(image) >= 0 ? 1 : 0), 0);
  return { images: images.length, shards: Math.ceil(images.length / shardImages(size)), labelled };
}

/**
 * List all sources of a recipe, check them, split a test set off when none is named, and assign images to shards. The same
 * files and recipe give the same plan.
 * @throws Failure InvalidImages: no images, fewer than two classes, a class too small to split, a class only the test set has,
 *   images both tested and labelled for training, names that occur twice, and whatever listSource refuses
 */
export async function planShards(input: PlanInput): Promise<ShardPlan> {
  const { images, seed, openTree } = input;
  const { size } = images;
  const train = await listSource(images.train, 'train', { openTree, seed });
  checkClasses(train, images.train);
  const { classes } = train;
  const test = images.test ? underClasses(await listSource(images.test, 'test', { openTree, seed }), classes, images.test) : undefined;
  const unlabelled = await listUnlabelled(input);
  const all = new NumberedImages([train, ...(test ? [test] : []), ...unlabelled]);
  await turn(); // heartbeats go out meanwhile: with millions of images each of these takes seconds
  const divided = divide(all, train, test !== undefined, input);
  await turn();
  checkIds(all, divided.pool, 'pool');
  await turn();
  checkIds(all, divided.test, 'test set');
  const parts: Parts = { pool: shuffled('pool', divided.pool, seed), test: shuffled('test', divided.test, seed) };
  const prints = [train, test, ...unlabelled].map((listing) => listing?.fingerprint ?? images.testFraction);
  return {
    header: {
      classes: [...classes],
      size,
      pool: countPart(all, parts.pool, size),
      test: countPart(all, parts.test, size),
      fingerprint: sha256(JSON.stringify([seed, size, ...prints])),
    },
    chunks: {
      *[Symbol.iterator]() {
        yield* toChunks(all, 'pool', parts.pool, size);
        yield* toChunks(all, 'test', parts.test, size);
      },
    },
    labelsOf: (role) => parts[role].map((image) => all.label(image)),
  };
}
