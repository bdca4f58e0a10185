/** Labels of a draw, packed for fine-tuning and hidden from distillation, on a store in memory. */
import { beforeEach, describe, expect, test } from 'vitest';
import { countsOf, hideLabels, packLabelled } from '../../activities/labels.ts';
import type { ShardEntry } from '../../activities/shardset.ts';
import type { LabelsRef } from '../../contracts/artifacts.ts';
import { encodeShard, readShard } from '../../learning/images/shards.ts';
import { encodeSafetensors } from '../../learning/safetensors.ts';
import { type Artifacts, openArtifacts } from '../../store/artifacts.ts';
import { openMemory } from '../../store/memory.ts';

const SIZE = 8;
const BYTES = SIZE * SIZE * 3;
/** Two shards of four and three images; image i is filled with the value i and has the label i mod 2. */
const SHARDS = [
  [0, 1, 2, 3],
  [4, 5, 6],
];
const DRAWN = Int32Array.of(1, 4, 6);
const HELD_OUT = Int32Array.of(0, 5);

let artifacts: Artifacts;
let shards: ShardEntry[];
let labels: LabelsRef;

beforeEach(async () => {
  artifacts = openArtifacts(openMemory(), {});
  shards = [];
  for (const [i, images] of SHARDS.entries()) {
    const body = encodeShard(
      images.map((value) => ({ id: `image-${value}`, label: value % 2, pixels: new Uint8Array(BYTES).fill(value) })),
      SIZE,
    );
    const identity = { stage: 'shards' as const, key: `shard-${i}`, slice: {}, inputs: [] };
    const { objects, digest } = await artifacts.commit({ ...identity, objects: [{ name: 'shard', body }], facts: {}, made: {} });
    for (const object of objects) shards.push({ digest, images: images.length, object });
  }
  const int32 = (data: Int32Array) => ({ dtype: 'int32' as const, shape: [data.length], data });
  const body = encodeSafetensors({ positions: int32(DRAWN), heldOut: int32(HELD_OUT) });
  const identity = { stage: 'labels' as const, key: 'draw', slice: {}, inputs: [] };
  const { digest } = await artifacts.commit({ ...identity, objects: [{ name: 'positions.safetensors', body }], facts: {}, made: {} });
  labels = { kind: 'labels', key: 'draw', digest, images: DRAWN.length };
});

describe('packLabelled', () => {
  test('takes the drawn images of all shards, with their own pixels, labels and names', async () => {
    const packs = await packLabelled(artifacts, labels, shards);
    expect(packs.map(({ images }) => images)).toEqual([3]);
    const pack = readShard(packs[0]?.bytes ?? new Uint8Array());
    expect(pack.ids).toEqual(['image-1', 'image-4', 'image-6']);
    expect([...pack.labels]).toEqual([1, 0, 0]);
    expect(pack.ids.map((_, row) => pack.images[row * BYTES])).toEqual([1, 4, 6]);
  });
});

describe('packLabelled, held out', () => {
  test('takes those kept from training instead', async () => {
    const [pack] = await packLabelled(artifacts, labels, shards, 'heldOut');
    expect(readShard(pack?.bytes ?? new Uint8Array()).ids).toEqual(['image-0', 'image-5']);
  });
});

describe('countsOf', () => {
  test('counts the packed images of each class, also of one that has none', async () => {
    expect(countsOf(await packLabelled(artifacts, labels, shards), 3)).toEqual([2, 1, 0]);
  });
});

describe('hideLabels', () => {
  test('leaves the labels of the draw and no other, not those held out, and every pixel', async () => {
    const first = readShard(await hideLabels(artifacts, labels, shards, 0));
    const second = readShard(await hideLabels(artifacts, labels, shards, 1));
    expect([...first.labels, ...second.labels]).toEqual([-1, 1, -1, -1, 0, -1, 0]);
    expect([...first.ids, ...second.ids].map((id) => Number(id.slice(6)))).toEqual(SHARDS.flat());
    expect(second.images[BYTES]).toBe(5);
  });
});
