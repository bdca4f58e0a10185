import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type EpochWanted, epochBatches, inputFile, type Rows, shardOrder, windowImages, windowsLeft } from '../../learning/feed.ts';
import { type HostTensors, writeSafetensors } from '../../learning/safetensors.ts';

// Shards of 5, 7, 1, 6 and 4 images of 2 × 1 pixels; image i of the whole has all bytes 10·i + view.
const SIZES = [5, 7, 1, 6, 4];
const shards = SIZES.map((images) => ({ images }));
const TOTAL = 23;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'feed-'));
});
afterEach(() => rm(folder, { recursive: true }));

const firstOf = (shard: number) => SIZES.slice(0, shard).reduce((sum, size) => sum + size, 0);

async function supply(epoch: number, shard: number, views: number): Promise<void> {
  const n = SIZES[shard]!;
  const numbers = Array.from({ length: n }, (_, i) => firstOf(shard) + i);
  const data = Uint8Array.from(
    numbers.flatMap((i) => Array.from({ length: views }, (_, view) => Array<number>(6).fill(10 * i + view)).flat()),
  );
  const shape = views === 1 ? [n, 2, 1, 3] : [n, views, 2, 1, 3];
  const tensors: HostTensors = {
    [views === 1 ? 'images' : 'views']: { dtype: 'uint8', shape, data },
    labels: { dtype: 'int32', shape: [n], data: Int32Array.from(numbers, (i) => i - 3) },
  };
  await writeSafetensors(join(folder, inputFile(epoch, shard)), tensors, { ids: JSON.stringify(numbers.map((i) => `image ${i}`)) });
}

type Settings = Partial<EpochWanted> & { views?: number };
async function batchesOf({ views = 2, epoch = 0, ...settings }: Settings = {}): Promise<Rows[]> {
  for (const shard of SIZES.keys()) await supply(epoch, shard, views);
  const batches = [];
  for await (const rows of epochBatches({ folder, seed: 1, shards, batch: 4, windowImages: 10, epoch, ...settings })) batches.push(rows);
  return batches;
}
const idsOf = (batches: Rows[]) => batches.map(({ ids }) => ids);

test('inputFile: epoch and shard stand in the name', () => {
  expect(inputFile(3, 12)).toBe('e000003-s00012.safetensors');
});

test('shardOrder: a permutation that changes with epoch and seed, and nothing else', () => {
  expect([...shardOrder(1, 0, 50)].sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i));
  expect(shardOrder(1, 0, 50)).toEqual(shardOrder(1, 0, 50));
  expect(shardOrder(1, 1, 50)).not.toEqual(shardOrder(1, 0, 50));
  expect(shardOrder(2, 0, 50)).not.toEqual(shardOrder(1, 0, 50));
});

test.each([1, 4, 5, 23])('epochBatches: batches of %i hold every image once, but for the remainder', async (batch) => {
  const batches = await batchesOf({ batch });
  expect(batches.map(({ ids }) => ids.length)).toEqual(Array(Math.floor(TOTAL / batch)).fill(batch));
  const ids = idsOf(batches).flat();
  expect(new Set(ids).size).toBe(TOTAL - (TOTAL % batch));
  expect(await readdir(folder)).toEqual([]);
});

test('epochBatches: pixels and labels stay with their ids; first views stand before second ones', async () => {
  for (const { ids, labels, views, pixels } of await batchesOf()) {
    const numbers = ids.map((id) => Number(id.slice(6)));
    expect(views).toBe(2);
    expect(pixels.shape).toEqual([8, 2, 1, 3]);
    const expected = [0, 1].flatMap((view) => numbers.flatMap((i) => Array<number>(6).fill((10 * i + view) % 256)));
    expect([...pixels.data]).toEqual(expected);
    expect([...(labels ?? [])]).toEqual(numbers.map((i) => i - 3));
  }
});

test('epochBatches: plain images have one view', async () => {
  const [first] = await batchesOf({ views: 1 });
  expect(first).toMatchObject({ views: 1, pixels: { shape: [4, 2, 1, 3] } });
  expect([...first!.pixels.data.subarray(0, 6)]).toEqual(Array(6).fill((10 * Number(first!.ids[0]!.slice(6))) % 256));
});

test('epochBatches: repeats itself, and differs by epoch and seed', async () => {
  const once = idsOf(await batchesOf());
  expect(idsOf(await batchesOf())).toEqual(once);
  expect(idsOf(await batchesOf({ epoch: 1 }))).not.toEqual(once);
  expect(idsOf(await batchesOf({ seed: 2 }))).not.toEqual(once);
});

test('epochBatches: images of one window are mixed, not read in shard order', async () => {
  const [first] = await batchesOf({ batch: 23, windowImages: 100 });
  const inOrder = [...shardOrder(1, 0, 5)].flatMap((shard) =>
    Array.from({ length: SIZES[shard]! }, (_, i) => `image ${firstOf(shard) + i}`),
  );
  expect(first!.ids).not.toEqual(inOrder);
});

test('epochBatches: images and their views come in the same batches', async () => {
  for (const windowImages of [1, 10, 100])
    expect(idsOf(await batchesOf({ views: 1, windowImages }))).toEqual(idsOf(await batchesOf({ views: 2, windowImages })));
});

test('windowImages: 8192, or as many as have half a gibibyte of pixels with all their views', () => {
  expect(windowImages(32, 2)).toBe(8192);
  expect(windowImages(224, 2)).toBe(1783); // 2²⁹ / (2 · 224² · 3)
  expect(windowImages(224, 1)).toBe(3566);
});

test.each([0, 1, 2, 3, 4, 5, 9])('epochBatches: skipping %i batches gives the tail of the full epoch', async (skipBatches) => {
  for (const windowImages of [1, 10, 100]) {
    const full = await batchesOf({ windowImages });
    expect(await batchesOf({ skipBatches, windowImages })).toEqual(full.slice(skipBatches));
  }
});

test('windowsLeft: begins with the window that holds the next batch, and nothing before it is read', async () => {
  const left = (skipBatches: number) => windowsLeft({ seed: 1, epoch: 0, shards, batch: 4, windowImages: 10, skipBatches });
  const { windows: all } = left(0);
  const sizes = all.map((window) => window.reduce((sum, shard) => sum + SIZES[shard]!, 0));
  expect(all.flat()).toEqual([...shardOrder(1, 0, 5)]);
  for (const skipBatches of [0, 1, 2, 3, 4]) {
    const { windows, first, dealt } = left(skipBatches);
    expect(windows).toEqual(all.slice(first));
    expect(sizes.slice(0, first).reduce((sum, size) => sum + size, dealt)).toBe(4 * skipBatches);
    expect(dealt).toBeLessThan(sizes[first]!);
  }
  expect(left(6).windows).toEqual([]);
  for (const shard of left(3).windows.flat()) await supply(0, shard, 2); // no other file is there
  const read: Rows[] = [];
  const onRead = vi.fn();
  const wanted = { folder, seed: 1, epoch: 0, shards, batch: 4, windowImages: 10, skipBatches: 3, onRead };
  for await (const rows of epochBatches(wanted)) read.push(rows);
  expect(onRead).toHaveBeenCalledTimes(left(3).windows.flat().length);
  expect(read).toEqual((await batchesOf()).slice(3));
});

test('epochBatches: waits for files that come late, and gives the same batches', async () => {
  const expected = await batchesOf();
  const received: Rows[] = [];
  const reading = (async () => {
    for await (const rows of epochBatches({ folder, seed: 1, epoch: 0, shards, batch: 4, windowImages: 10 })) received.push(rows);
  })();
  for (const shard of [...shardOrder(1, 0, 5)].reverse()) {
    await sleep(30); // the last file read comes first
    await supply(0, shard, 2);
  }
  await reading;
  expect(received).toEqual(expected);
});

test('epochBatches: a consumer that stops early leaves no wait behind', async () => {
  const order = shardOrder(1, 0, 5);
  for (const shard of order.slice(0, 2)) await supply(0, shard, 2);
  for await (const rows of epochBatches({ folder, seed: 1, epoch: 0, shards, batch: 1, windowImages: 1 })) {
    if (rows) break;
  }
  await supply(0, order[2]!, 2);
  await sleep(100);
  expect(await readdir(folder)).toContain(inputFile(0, order[2]!)); // nobody read it
});

test('epochBatches: a file with other images than announced is refused', async () => {
  const wrong = shards.map(({ images }) => ({ images: images + 1 }));
  await expect(batchesOf({ shards: wrong })).rejects.toThrow(/it must hold \d images and their ids: \d images/);
});
