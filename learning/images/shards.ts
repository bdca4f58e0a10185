/** A shard: up to 1024 images as one safetensors file, read by the view workers, the trainer and Python alike. */
import { Failure } from '../../contracts/failures.ts';
import { decodeMetadata, decodeSafetensors, decodeTensor, encodeSafetensors, headerEnd } from '../safetensors.ts';
import type { OpenTree } from './file-tree.ts';
import type { PlanChunk } from './plan-format.ts';
import { readImage } from './read-image.ts';
import { UnreadableImage } from './unreadable.ts';

export type ShardOptions = {
  /** Images decoded side by side; 4 without it. */
  concurrency?: number;
  /** Called after each image, with how many are done of how many. */
  onProgress?: (done: number, images: number) => void;
  signal?: AbortSignal;
};

/** `setAside` has every unreadable image of this shard with its reason, in the order of the plan. */
export type WrittenShard = { bytes: Uint8Array; images: number; setAside: { image: string; reason: string }[] };

/** `images` uint8 [N, size, size, 3], `labels` int32 [N] with −1 for none, `ids` [N]. */
export type Shard = { images: Uint8Array; labels: Int32Array; ids: string[]; size: number };

/** Why an image is set aside; other errors are no fault of the image and go on. */
export function reasonAgainst(error: unknown): string {
  if (error instanceof UnreadableImage) return error.reason;
  if (error instanceof Failure && error.kind === 'InvalidImages') return error.message;
  throw error;
}

/** One image of a shard: `pixels` uint8 [size, size, 3]; `label` −1 for none. */
export type ShardImage = { pixels: Uint8Array; label: number; id: string };

/** Images as shard bytes: safetensors with `images` uint8 [N, H, W, 3], `labels` int32 [N] and the metadata `ids`, a JSON array. */
export function encodeShard(images: ShardImage[], size: number): Uint8Array {
  const pixels = new Uint8Array(images.length * size * size * 3);
  images.forEach((image, i) => pixels.set(image.pixels, i * size * size * 3));
  return encodeSafetensors(
    {
      images: { dtype: 'uint8', shape: [images.length, size, size, 3], data: pixels },
      labels: { dtype: 'int32', shape: [images.length], data: Int32Array.from(images, ({ label }) => label) },
    },
    { ids: JSON.stringify(images.map(({ id }) => id)) },
  );
}

/**
 * Decode the images of one shard and encode them, in the order of the plan; unreadable ones are left out.
 * @param size      H = W, pixels
 * @param openTree  gives the files of a source
 * @throws what the trees throw for reasons of network or disk; the signal's reason when it is aborted
 */
export async function writeShard(chunk: PlanChunk, size: number, openTree: OpenTree, options: ShardOptions = {}): Promise<WrittenShard> {
  const { concurrency = 4, onProgress, signal } = options;
  const total = chunk.images.length;
  const results = new Array<ShardImage | { image: string; reason: string }>(total);
  let [next, done] = [0, 0];
  const work = async () => {
    for (let i = next++; i < total; i = next++) {
      signal?.throwIfAborted();
      const { id, label, at, source } = chunk.images[i]!;
      results[i] = await readImage(chunk.sources[source]!, at, size, openTree)
        .then((pixels) => ({ pixels, label, id }))
        .catch((error) => ({ image: id, reason: reasonAgainst(error) }));
      onProgress?.(++done, total);
    }
  };
  const stop = (error: unknown) => {
    next = total; // the others end with the image they are at
    throw error;
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, total) }, () => work().catch(stop)));
  const images = results.filter((result) => 'pixels' in result);
  return { bytes: encodeShard(images, size), images: images.length, setAside: results.filter((result) => 'reason' in result) };
}

function isIds(value: unknown, count: number): value is string[] {
  return Array.isArray(value) && value.length === count && value.every((id) => typeof id === 'string');
}

/**
 * The images of a shard; `images` may be a view of `bytes`.
 * @throws Failure DataIntegrity when the bytes are no shard
 */
export function readShard(bytes: Uint8Array): Shard {
  const refuse = (state: string, cause?: unknown): never => {
    throw new Failure('DataIntegrity', `Cannot read a shard as it must hold images, labels and ids: ${state}`, { cause });
  };
  const { tensors, metadata } = safely(() => decodeSafetensors(bytes), refuse);
  const { images, labels } = tensors;
  if (images?.dtype !== 'uint8' || labels?.dtype !== 'int32') return refuse(`tensors ${Object.keys(tensors).join(', ') || 'none'}`);
  const [count, height, width, channels] = images.shape;
  if (images.shape.length !== 4 || height !== width || channels !== 3 || labels.data.length !== count)
    return refuse(`images [${images.shape}], labels [${labels.shape}]`);
  const ids: unknown = safely(() => JSON.parse(metadata.ids ?? 'null'), refuse);
  return isIds(ids, count) ? { images: images.data, labels: labels.data, ids, size: height! } : refuse('one id an image is missing');
}

/**
 * The ids of a shard whose header is there, without its pixels.
 * @param images  how many it holds
 * @throws Failure DataIntegrity when it says something else
 */
export function readShardIds(start: Uint8Array, images: number): string[] {
  const ids: unknown = safely(() => JSON.parse(decodeMetadata(start).ids ?? 'null'), refuseIds);
  return isIds(ids, images) ? ids : refuseIds(`${Array.isArray(ids) ? ids.length : 'no'} ids for ${images} images`);
}

/** Where the header of a shard, which has its ids, ends. @throws Failure DataIntegrity when these are not the first bytes of one */
export const idsEnd = (start: Uint8Array): number => safely(() => headerEnd(start), refuseIds);

function refuseIds(state: string, cause?: unknown): never {
  throw new Failure('DataIntegrity', `Cannot read the ids of a shard as it must have one for each image: ${state}`, { cause });
}

/** The labels of a shard whose header and labels are there, without its pixels; else as `readShardIds`. int32 [N], −1 for none. */
export function readShardLabels(start: Uint8Array, images: number): Int32Array {
  const refuse = (state: string, cause?: unknown): never => {
    throw new Failure('DataIntegrity', `Cannot read the labels of a shard as it must have one for each image: ${state}`, { cause });
  };
  const { data } = safely(() => decodeTensor(start, 'labels'), refuse);
  return data instanceof Int32Array && data.length === images ? data : refuse(`${data.length} labels for ${images} images`);
}

function safely<T>(read: () => T, refuse: (state: string, cause: unknown) => never): T {
  try {
    return read();
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error), error);
  }
}
