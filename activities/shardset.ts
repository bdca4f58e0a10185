/** Reading a sealed set of shards: its list of shards, its labels, and its files in any order. */
import type { Manifest, ShardSetRef, StoredObject } from '../contracts/artifacts.ts';
import { Failure } from '../contracts/failures.ts';
import type { ShardFiles } from '../contracts/trainer.ts';
import { inputFile, windowsLeft } from '../learning/feed.ts';
import { readShardIds } from '../learning/images/shards.ts';
import { decodeSafetensors, headerEnd } from '../learning/safetensors.ts';
import type { Artifacts } from '../store/artifacts.ts';

export type ShardEntry = { digest: string; images: number; object: StoredObject };
export const LABELS_FILE = 'labels.safetensors';
/** Holds the ids of most shards: 1,024 of a hundred letters. */
const HEADER_BYTES = 128 * 1024;
/** Name of a shard among the objects of its set. */
export const shardName = (shard: number): string => `shard-${String(shard).padStart(5, '0')}.safetensors`;

/** The shards of a set in their canonical order. */
export async function openSet(artifacts: Artifacts, set: ShardSetRef): Promise<{ manifest: Manifest; shards: ShardEntry[] }> {
  const manifest = await artifacts.find('set', set.key);
  if (!manifest) throw new Failure('DataIntegrity', `Cannot read the images of this run as their manifest is gone: set ${set.key}`);
  const { shards } = manifest.facts as { shards: Omit<ShardEntry, 'object'>[] };
  return { manifest, shards: shards.map((shard, i) => ({ ...shard, object: objectNamed(manifest, shardName(i)) })) };
}

/** Labels of all images of a set in canonical order, int32 [N], −1 for none. */
export async function readLabels(artifacts: Artifacts, manifest: Manifest): Promise<Int32Array> {
  const { tensors } = decodeSafetensors(await artifacts.read(objectNamed(manifest, LABELS_FILE)));
  const labels = tensors.labels?.data;
  if (!(labels instanceof Int32Array))
    throw new Failure('DataIntegrity', `Cannot read labels as "${LABELS_FILE}" of set ${manifest.key} holds none`);
  return labels;
}

/** Ids of all images of a set in canonical order, shard by shard. Only the beginning of each shard is read for them. */
export async function* idsOfSet(artifacts: Artifacts, shards: ShardEntry[]): AsyncGenerator<string[]> {
  for (const { object, images } of shards) {
    const start = await artifacts.readStart(object, HEADER_BYTES);
    const whole = headerEnd(start) > start.length ? await artifacts.readStart(object, headerEnd(start)) : start;
    yield readShardIds(whole, images);
  }
}

/** How a trainer cuts its epochs into windows and batches. */
export type Epochs = { shards: ShardFiles; seed: number; batch: number; stepsPerEpoch: number; windowImages: number };

/** Input files from a step on up to the epoch `to` (exclusive), in the order in which the trainer reads them. */
export function* shardFiles(epochs: Epochs, fromStep: number, to: number): Generator<{ name: string; epoch: number; shard: number }> {
  const { stepsPerEpoch } = epochs;
  for (let epoch = Math.floor(fromStep / stepsPerEpoch); epoch < to; epoch++) {
    const skipBatches = Math.max(0, fromStep - epoch * stepsPerEpoch);
    for (const shard of windowsLeft({ ...epochs, epoch, skipBatches }).windows.flat()) {
      yield { name: inputFile(epoch, shard), epoch, shard };
    }
  }
}

/** The object of that name. @throws Failure DataIntegrity when the artifact has none */
export function objectNamed(manifest: Manifest, name: string): StoredObject {
  const object = manifest.objects.find((candidate) => candidate.name === name);
  if (!object)
    throw new Failure('DataIntegrity', `Cannot read "${name}" as the ${manifest.stage} artifact ${manifest.key} does not hold it`);
  return object;
}
