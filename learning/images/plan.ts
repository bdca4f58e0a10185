/** Which image goes where: into the pool to learn from or the test set, and into which shard. Looks at names, never at pixels. */
import { Failure } from '../../contracts/failures.ts';
import type { ImageSource, Recipe } from '../../contracts/recipe.ts';
import { randomStream } from '../random.ts';
import type { OpenTree } from './file-tree.ts';
import { type Access, type Listing, sha256 } from './listing.ts';
import type { PlanChunk, PlannedImage, ShardPlan } from './plan-format.ts';
import { listSource } from './sources.ts';

const SHARD_IMAGES = 1024;
const SHARD_BYTES = 64 * 2 ** 20;

export type PlanInput = { images: Recipe['images']; seed: number; openTree: OpenTree };

type Parts = { classes: string[]; pool: PlannedImage[]; test: PlannedImage[]; sources: Access[] };

function refuse(rule: string, state: string): never {
  throw new Failure('InvalidImages', `Cannot plan shards as ${rule}: ${state}`);
}

const describe = (source: ImageSource) =>
  typeof source === 'string' ? `"${source}"` : 'folder' in source ? `"${source.folder}"` : `generated ${source.generated}`;

const planned = ({ images }: Listing, source: number): PlannedImage[] => images.map((image) => ({ ...image, source }));

/** Images of a shard: at most 1024 and at most 64 MiB of pixels, so that any worker holds a few in memory. */
export const shardImages = (size: number): number => Math.max(1, Math.min(SHARD_IMAGES, Math.floor(SHARD_BYTES / (size * size * 3))));

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
 * Split off a share of each class, at least one image and never all; drawn by class, so that another class changes nothing here.
 * Unlabelled images stay.
 */
function splitTest(
  images: PlannedImage[],
  classes: string[],
  share: number,
  seed: number,
): { train: PlannedImage[]; test: PlannedImage[] } {
  const test = new Set<PlannedImage>();
  const byClass = classes.map((): PlannedImage[] => []);
  for (const image of images) byClass[image.label]?.push(image);
  for (const [label, name] of classes.entries()) {
    const members = byClass[label]!;
    if (members.length < 2)
      refuse('a class needs 2 labelled images to split a test set off', `"${name}" has ${members.length} (name a test set, or add images)`);
    const count = Math.min(members.length - 1, Math.max(1, Math.round(share * members.length)));
    for (const position of randomStream(seed, 'test', name).permutation(members.length).subarray(0, count)) test.add(members[position]!);
  }
  return { train: images.filter((image) => !test.has(image)), test: images.filter((image) => test.has(image)) };
}

const SHOWN = 12;
const shown = (names: string[]) => names.slice(0, SHOWN).join(', ') + (names.length > SHOWN ? `, and ${names.length - SHOWN} more` : '');

/** Images of the test source under the classes of training; those without a label cannot test anything. */
function testImages(listing: Listing, classes: string[], source: ImageSource): PlannedImage[] {
  const unseen = listing.classes.filter((name) => !classes.includes(name));
  if (unseen.length) {
    refuse(
      'every class of the test set must occur in training',
      `${describe(source)} has ${shown(unseen.map((name) => `"${name}"`))}, training has ${shown(classes)}`,
    );
  }
  const labelled = planned(listing, 1).filter(({ label }) => label >= 0);
  if (labelled.length === 0) refuse('a test set needs labelled images', `${describe(source)} has none`);
  return labelled.map((image) => ({ ...image, label: classes.indexOf(listing.classes[image.label]!) }));
}

/** Where an image lies, the same for every source that names it. */
function placeOf(access: Access, at: string): string {
  if (access.kind === 'npz') return `${access.root}/${access.path}#${access.array.start}/${at}`;
  return access.kind === 'shapes' ? `shapes#${access.seed}/${access.set}/${at}` : `${access.root}/${at}`;
}

/** Test images never enter the pool: an unlabelled one there is left out, a labelled one is a mistake. */
function keepApart({ pool, test, sources, ...rest }: Parts): Parts {
  const place = ({ source, at }: PlannedImage) => placeOf(sources[source]!, at);
  const tested = new Set(test.map(place));
  const both = pool.filter((image) => tested.has(place(image)));
  const labelled = both.filter(({ label }) => label >= 0);
  if (labelled.length) refuse('test images must not be labelled for training too', `${labelled.length} are, such as "${labelled[0]!.id}"`);
  const left = both.length ? pool.filter((image) => !tested.has(place(image))) : pool;
  return { ...rest, pool: left, test, sources };
}

function checkIds(images: PlannedImage[], part: string): void {
  const seen = new Set<string>();
  for (const { id } of images) {
    if (seen.has(id)) refuse(`every image of the ${part} needs a name of its own`, `"${id}" occurs twice`);
    seen.add(id);
  }
}

/** Seeded order, so that folders of a class never become shards of one class. */
function toChunks(role: PlanChunk['role'], images: PlannedImage[], sources: Access[], size: number, seed: number): PlanChunk[] {
  const order = randomStream(seed, 'shards', role).permutation(images.length);
  const perShard = shardImages(size);
  return Array.from({ length: Math.ceil(images.length / perShard) }, (_, shard) => ({
    role,
    sources,
    images: Array.from(order.subarray(shard * perShard, (shard + 1) * perShard), (position) => images[position]!),
  }));
}

async function listUnlabelled({ images, seed, openTree }: PlanInput): Promise<Listing[]> {
  const listings: Listing[] = [];
  for (const [i, source] of images.unlabelled.entries()) {
    const name = `unlabelled-${i + 1}`;
    const listing = await listSource(source, 'unlabelled', { openTree, seed, name });
    listings.push({
      ...listing,
      images: listing.images.map((image) => ({ ...image, id: image.id.startsWith(`${name}/`) ? image.id : `${name}/${image.id}` })),
    });
  }
  return listings;
}

function divide(train: Listing, test: Listing | undefined, unlabelled: Listing[], { images, seed }: PlanInput): Parts {
  const { classes } = train;
  const sources = [train, ...(test ? [test] : []), ...unlabelled].map(({ access }) => access);
  const extra = unlabelled.flatMap((listing, i) => planned(listing, i + (test ? 2 : 1)));
  const all = planned(train, 0);
  const split = test ? { train: all, test: testImages(test, classes, images.test!) } : splitTest(all, classes, images.testFraction, seed);
  return keepApart({ classes, sources, pool: [...split.train, ...extra], test: split.test });
}

const countPart = (images: PlannedImage[], chunks: PlanChunk[], role: PlanChunk['role']) => ({
  images: images.length,
  shards: chunks.filter((chunk) => chunk.role === role).length,
  labelled: images.filter(({ label }) => label >= 0).length,
});

/**
 * List all sources of a recipe, check them, split a test set off when none is named, and assign images to shards. The same
 * files and recipe give the same plan.
 * @throws Failure InvalidImages: no images, fewer than two classes, a class too small to split, a class only the test set has,
 *   images both tested and labelled for training, names that occur twice, and whatever listSource refuses
 */
export async function planShards(input: PlanInput): Promise<ShardPlan> {
  const { images, seed, openTree } = input;
  const train = await listSource(images.train, 'train', { openTree, seed });
  checkClasses(train, images.train);
  const testListing = images.test ? await listSource(images.test, 'test', { openTree, seed }) : undefined;
  const unlabelled = await listUnlabelled(input);
  const { classes, pool, test, sources } = divide(train, testListing, unlabelled, input);
  checkIds(pool, 'pool');
  checkIds(test, 'test set');
  const chunks = [...toChunks('pool', pool, sources, images.size, seed), ...toChunks('test', test, sources, images.size, seed)];
  const prints = [train, testListing, ...unlabelled].map((listing) => listing?.fingerprint ?? images.testFraction);
  return {
    header: {
      classes: [...classes],
      size: images.size,
      pool: countPart(pool, chunks, 'pool'),
      test: countPart(test, chunks, 'test'),
      fingerprint: sha256(JSON.stringify([seed, images.size, ...prints])),
    },
    chunks,
  };
}
