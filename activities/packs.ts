/**
 * Images of a draw as a trainer reads them, made from the shards of the pool when their turn comes: packed by themselves for trainings on
 * labels, or among all others for distillation. Memory is bounded by bytes, however many images are labelled.
 */
import { readFile, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure } from '../contracts/failures.ts';
import type { ShardFiles } from '../contracts/trainer.ts';
import { packFile } from '../learning/feed.ts';
import { encodeShard, readShard, type ShardImage } from '../learning/images/shards.ts';
import type { Artifacts } from '../store/artifacts.ts';
import { scratchFolder } from './scratch.ts';
import type { ShardEntry } from './shardset.ts';
import type { InputFile } from './trainer.ts';

/** Labelled images in one pack, unless their pixels were more than PACK_BYTES: above 295 px. */
export const PACK_IMAGES = 1024;
const PACK_BYTES = 256 * 2 ** 20;
/** Pixels of the packs that are kept on the scratch disk, where half of what is free suffices. */
const KEPT_BYTES = 32 * 2 ** 30;

/** @param size  side of the images, pixels */
export const packImages = (size: number): number => Math.min(PACK_IMAGES, Math.floor(PACK_BYTES / (size * size * 3)));

export type Packs = {
  /** How many images each pack holds. */
  files: ShardFiles;
  /** The bytes of a pack: a shard file of its own. */
  read(pack: number): Promise<Uint8Array>;
};

/**
 * Images of a set in packs of `packImages(size)`, in canonical order. Each is made from its shards whenever it is read.
 * @param positions  of the images in the set, ascending
 * @param size       side of the images, pixels
 */
export function packsOf(artifacts: Artifacts, shards: ShardEntry[], positions: Int32Array, size: number): Packs {
  const most = packImages(size);
  const parts = Array.from({ length: Math.ceil(positions.length / most) }, (_, pack) => positions.subarray(pack * most, (pack + 1) * most));
  return {
    files: parts.map(({ length }) => ({ images: length })),
    read: async (pack) => encodeShard(await imagesAt(artifacts, shards, parts[pack] ?? new Int32Array()), size),
  };
}

/**
 * The same packs on the scratch disk until they are freed, so that few labels among many images do not have the whole pool read in every
 * epoch. Too large for the disk they stay as they are: the labels are many then, and an epoch of them reads little besides.
 * @param check  called before each pack; throws when the work is cancelled
 */
export async function keepPacks(
  packs: Packs,
  size: number,
  scratch: string,
  check: () => void,
  most = KEPT_BYTES,
): Promise<Packs & { free(): Promise<void> }> {
  const folder = await scratchFolder(scratch);
  const free = () => rm(folder, { recursive: true, force: true, maxRetries: 3 });
  const fileOf = (pack: number) => join(folder, `pack-${pack}.safetensors`);
  try {
    const bytes = packs.files.reduce((sum, { images }) => sum + images, 0) * size * size * 3;
    const { bavail, bsize } = await statfs(folder);
    if (bytes > Math.min(most, (bavail * bsize) / 2)) return { ...packs, free };
    for (const pack of packs.files.keys()) {
      check();
      await writeFile(fileOf(pack), await packs.read(pack));
    }
  } catch (error) {
    await free();
    throw error;
  }
  return { files: packs.files, read: (pack) => readFile(fileOf(pack)), free };
}

/** Packs as files that are there before the trainer starts, and stay. */
export async function* packFiles(what: Parameters<typeof packFile>[0], { files, read }: Packs): AsyncGenerator<InputFile> {
  for (const pack of files.keys()) yield { name: packFile(what, pack), content: await read(pack) };
}

/** The images at ascending positions. Only the shards that hold some of them are read, one at a time. */
async function imagesAt(artifacts: Artifacts, shards: ShardEntry[], positions: Int32Array): Promise<ShardImage[]> {
  const images: ShardImage[] = [];
  let first = 0;
  for (const entry of shards) {
    const rows = within(positions, first, first + entry.images);
    if (rows.length > 0) {
      const shard = readShard(await artifacts.read(entry.object));
      const bytes = shard.size * shard.size * 3;
      for (const position of rows) {
        const row = position - first;
        const pixels = shard.images.slice(row * bytes, (row + 1) * bytes);
        images.push({ pixels, label: shard.labels[row] ?? -1, id: shard.ids[row] ?? '' });
      }
    }
    first += entry.images;
  }
  return images;
}

/**
 * A shard with every label outside the draw taken away, so that a student weighs in only the labels its teacher had.
 * @param drawn  positions in the set, ascending
 * @param at     place of the shard in the set
 */
export async function hideLabels(artifacts: Artifacts, drawn: Int32Array, shards: ShardEntry[], at: number): Promise<Uint8Array> {
  const entry = shards[at];
  if (!entry) throw new Failure('DataIntegrity', `Cannot read shard ${at + 1} as the set has ${shards.length}`);
  const first = shards.slice(0, at).reduce((sum, { images }) => sum + images, 0);
  const shown = new Set(within(drawn, first, first + entry.images));
  const shard = readShard(await artifacts.read(entry.object));
  const bytes = shard.size * shard.size * 3;
  const images = shard.ids.map((id, row) => ({
    id,
    pixels: shard.images.subarray(row * bytes, (row + 1) * bytes),
    label: shown.has(first + row) ? (shard.labels[row] ?? -1) : -1,
  }));
  return encodeShard(images, shard.size);
}

/** Those of ascending numbers that lie in [from, to). */
function within(ascending: Int32Array, from: number, to: number): Int32Array {
  return ascending.subarray(placeOf(ascending, from), placeOf(ascending, to));
}

/** How many of ascending numbers lie below `limit`. */
function placeOf(ascending: Int32Array, limit: number): number {
  let [low, high] = [0, ascending.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ascending[middle] ?? limit) < limit) low = middle + 1;
    else high = middle;
  }
  return low;
}
