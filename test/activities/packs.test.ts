/** Images of a draw, packed for trainings on labels and among all others for distillation, on a store in memory. */
import { mkdtemp, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { readPositions } from '../../activities/labels.ts';
import { hideLabels, keepPacks, packImages, packsOf } from '../../activities/packs.ts';
import { idsOfSet, labelsOfShards, type ShardEntry } from '../../activities/shardset.ts';
import { encodeShard, readShard } from '../../learning/images/shards.ts';
import { encodeSafetensors } from '../../learning/safetensors.ts';
import { type Artifacts, openArtifacts } from '../../store/artifacts.ts';
import { openMemory } from '../../store/memory.ts';
import type { Store } from '../../store/store.ts';

const SIZE = 8;
const BYTES = SIZE * SIZE * 3;
/** Two shards of four and three images; image i is filled with the value i and has the label i mod 2. */
const SHARDS = [
  [0, 1, 2, 3],
  [4, 5, 6],
];
const DRAWN = Int32Array.of(1, 4, 6);
const HELD_OUT = Int32Array.of(0, 5);

let store: Store;
let artifacts: Artifacts;
let shards: ShardEntry[];

async function stored(values: number[]): Promise<ShardEntry> {
  const images = values.map((value) => ({ id: `image-${value}`, label: value % 2, pixels: new Uint8Array(BYTES).fill(value) }));
  const object = await artifacts.attemptOf({ stage: 'shards', key: 'shard' }).put('shard', encodeShard(images, SIZE));
  return { digest: object.sha256, images: values.length, object };
}

/** The same store, and the bytes that were read from it so far. */
function counted() {
  const read = { whole: 0, parts: 0 };
  const counting: Store = {
    ...store,
    async get(key) {
      read.whole++;
      return store.get(key);
    },
    async stream(key, range) {
      read.parts += range?.length ?? 0;
      return store.stream(key, range);
    },
  };
  return { read, artifacts: openArtifacts(counting, {}) };
}

beforeEach(async () => {
  store = openMemory();
  artifacts = openArtifacts(store, {});
  shards = await Promise.all(SHARDS.map(stored));
  const int32 = (data: Int32Array) => ({ dtype: 'int32' as const, shape: [data.length], data });
  const body = encodeSafetensors({ positions: int32(DRAWN), heldOut: int32(HELD_OUT) });
  const identity = { stage: 'labels' as const, key: 'draw', slice: {}, inputs: [] };
  await artifacts.commit({ ...identity, objects: [{ name: 'positions.safetensors', body }], facts: {}, made: {} });
});

describe('readPositions', () => {
  test('readPositions: those to learn from, or those kept from training', async () => {
    expect([await readPositions(artifacts, { key: 'draw' }), await readPositions(artifacts, { key: 'draw' }, 'heldOut')]).toEqual([
      DRAWN,
      HELD_OUT,
    ]);
  });
});

describe('packsOf', () => {
  test('packsOf: takes the drawn images of all shards, with their own pixels, labels and names', async () => {
    const { files, read } = packsOf(artifacts, shards, DRAWN, SIZE);
    expect(files).toEqual([{ images: 3 }]);
    const pack = readShard(await read(0));
    expect(pack.ids).toEqual(['image-1', 'image-4', 'image-6']);
    expect([...pack.labels]).toEqual([1, 0, 0]);
    expect(pack.ids.map((_, row) => pack.images[row * BYTES])).toEqual([1, 4, 6]);
  });

  test('packsOf: a pack is 1,024 images in their order, wherever shards end, and 256 MiB of pixels at most', async () => {
    const values = Array.from({ length: 1500 }, (_, i) => i);
    const large = [await stored(values.slice(0, 700)), await stored(values.slice(700))];
    const { files, read } = packsOf(artifacts, large, Int32Array.from(values.slice(1)), SIZE);
    expect(files).toEqual([{ images: 1024 }, { images: 475 }]);
    const ids = [...readShard(await read(0)).ids, ...readShard(await read(1)).ids];
    expect(ids).toEqual(values.slice(1).map((value) => `image-${value}`));
    expect([8, 224, 295, 296, 1024].map(packImages)).toEqual([1024, 1024, 1024, 1021, 85]);
  });

  test('packsOf: ten million labelled images are positions until one of their packs is wanted', async () => {
    const shard = await stored(Array.from({ length: 1024 }, (_, i) => i));
    const many = new Array<ShardEntry>(10_000).fill(shard);
    const { read, artifacts: counting } = counted();
    const packs = packsOf(
      counting,
      many,
      Int32Array.from({ length: 10_240_000 }, (_, i) => i),
      SIZE,
    );
    expect([packs.files.length, read.whole]).toEqual([10_000, 0]);
    expect(readShard(await packs.read(7_000)).ids).toHaveLength(1024);
    expect(read.whole).toBe(1);
  });
});

describe('keepPacks', () => {
  const all = Int32Array.from({ length: 1026 }, (_, i) => i);
  let scratch: string;
  let large: ShardEntry[];
  beforeEach(async () => {
    scratch = await mkdtemp(join(tmpdir(), 'fewlabels-test-'));
    large = [await stored(Array.from({ length: 1024 }, (_, i) => i)), await stored([2000, 2001])];
  });

  test('keepPacks: shards are read once for all epochs, and nothing stays on the disk', async () => {
    const { read, artifacts: counting } = counted();
    const packs = packsOf(counting, large, all, SIZE);
    const kept = await keepPacks(packs, SIZE, scratch, () => undefined);
    expect([kept.files, read.whole]).toEqual([[{ images: 1024 }, { images: 2 }], 2]);
    for (const pack of [1, 0, 1]) expect(readShard(await kept.read(pack)).ids).toHaveLength([1024, 2][pack] ?? 0);
    expect(read.whole).toBe(2);
    await kept.free();
    expect(await readdir(scratch)).toEqual([]);
  });

  test('keepPacks: more than the disk may hold is made from its shards whenever it is read', async () => {
    const { read, artifacts: counting } = counted();
    const kept = await keepPacks(packsOf(counting, large, all, SIZE), SIZE, scratch, () => undefined, 1026 * BYTES - 1);
    expect(read.whole).toBe(0);
    for (const pack of [1, 1]) expect(readShard(await kept.read(pack)).ids).toEqual(['image-2000', 'image-2001']);
    expect(read.whole).toBe(2);
    await kept.free();
  });

  test('keepPacks: cancelled, it leaves nothing on the disk', async () => {
    const cancelled = () => {
      throw new Error('cancelled');
    };
    await expect(keepPacks(packsOf(artifacts, large, all, SIZE), SIZE, scratch, cancelled)).rejects.toThrow('cancelled');
    expect(await readdir(scratch)).toEqual([]);
  });

  test('keepPacks: what fails before the first pack leaves nothing on the disk either', async () => {
    const packs = {
      ...packsOf(artifacts, large, all, SIZE),
      get files(): never {
        throw new Error('nobody knows');
      },
    };
    await expect(keepPacks(packs, SIZE, scratch, () => undefined)).rejects.toThrow('nobody knows');
    expect(await readdir(scratch)).toEqual([]);
  });
});

describe('hideLabels', () => {
  test('hideLabels: leaves the labels of the draw and no other, not those held out, and every pixel', async () => {
    const first = readShard(await hideLabels(artifacts, DRAWN, shards, 0));
    const second = readShard(await hideLabels(artifacts, DRAWN, shards, 1));
    expect([...first.labels, ...second.labels]).toEqual([-1, 1, -1, -1, 0, -1, 0]);
    expect([...first.ids, ...second.ids].map((id) => Number(id.slice(6)))).toEqual(SHARDS.flat());
    expect(second.images[BYTES]).toBe(5);
  });
});

describe('idsOfSet, labelsOfShards', () => {
  const idsOf = async (from: Artifacts, of: ShardEntry[]) => {
    const ids: string[] = [];
    for await (const piece of idsOfSet(from, of)) ids.push(...piece);
    return ids;
  };

  test('idsOfSet: the ids of all shards in order, and of a shard its beginning is read and no pixel', async () => {
    const large = await stored(Array.from({ length: 5_000 }, (_, i) => i)); // 960 kB of pixels, 65 kB of ids
    const { read, artifacts: counting } = counted();
    const ids = await idsOf(counting, [large, ...shards]);
    expect(ids.length).toBe(5_007);
    expect([ids[0], ids[4_999], ids[5_000], ids[5_006]]).toEqual(['image-0', 'image-4999', 'image-0', 'image-6']);
    expect(read.whole).toBe(0);
    expect(read.parts).toBeLessThan(2 * (128 * 1024 + 2 * 2_000)); // each part twice, as two readings must agree
  });

  test('labelsOfShards: the labels of all shards in order, from their beginnings', async () => {
    const large = await stored(Array.from({ length: 5_000 }, (_, i) => i));
    const { read, artifacts: counting } = counted();
    const labels = await labelsOfShards(counting, [large, ...shards]);
    expect([...labels.subarray(4_998)]).toEqual([0, 1, 0, 1, 0, 1, 0, 1, 0]);
    expect(read.whole).toBe(0);
    expect(read.parts).toBeLessThan(2 * (128 * 1024 + 2 * 2_000));
    await expect(labelsOfShards(artifacts, [{ ...large, images: 4_999 }])).rejects.toMatchObject({ kind: 'DataIntegrity' });
  });

  test('idsOfSet: ids longer than the part that is read first are read to their end', async () => {
    const images = [{ id: 'x'.repeat(200_000), label: 0, pixels: new Uint8Array(BYTES) }];
    const object = await artifacts.attemptOf({ stage: 'shards', key: 'shard' }).put('shard', encodeShard(images, SIZE));
    expect((await idsOf(artifacts, [{ digest: '', images: 1, object }]))[0]).toHaveLength(200_000);
    expect([...(await labelsOfShards(artifacts, [{ images: 1, object }]))]).toEqual([0]);
    await expect(idsOf(artifacts, [{ digest: '', images: 2, object }])).rejects.toMatchObject({ kind: 'DataIntegrity' });
  });

  test('idsOfSet: what is no shard is DataIntegrity', async () => {
    for (const bytes of [new Uint8Array(3), Buffer.from('name: cells')]) {
      const object = await artifacts.attemptOf({ stage: 'shards', key: 'shard' }).put('shard', bytes);
      await expect(idsOf(artifacts, [{ digest: '', images: 1, object }])).rejects.toMatchObject({ kind: 'DataIntegrity' });
    }
  });
});
