import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import type { RecipeInput } from '../../../contracts/recipe.ts';
import { type FileTree, openFolder } from '../../../learning/images/file-tree.ts';
import { planShards } from '../../../learning/images/plan.ts';
import type { PlanChunk } from '../../../learning/images/plan-format.ts';
import { encodeShard, readShard, writeShard } from '../../../learning/images/shards.ts';
import { decodeSafetensors } from '../../../learning/safetensors.ts';
import { cifarBatch, golden, imagesOf, plain, pngs, put, temporaryFolder } from './make-sources.ts';

const temporary = await temporaryFolder();
const place = (name: string) => join(temporary, name);

async function chunksOf(images: RecipeInput['images']): Promise<PlanChunk[]> {
  return [...(await planShards({ images: imagesOf(images), seed: 1, openTree: openFolder })).chunks];
}

const imageOf = ({ images, ids, size }: ReturnType<typeof readShard>, id: string) => {
  const bytes = size * size * 3;
  return [...images.subarray(ids.indexOf(id) * bytes, (ids.indexOf(id) + 1) * bytes)];
};

/** golden/make.py: value n of an array is 7 n mod 251. */
const counted = (from: number, count: number) => Array.from({ length: count }, (_, i) => (7 * (from + i)) % 251);

describe('writeShard: what it writes', () => {
  test('writeShard: images, labels and ids in the order of the plan, as safetensors', async () => {
    const folder = await put(place('plain'), { ...(await pngs('a/', 4)), ...(await pngs('b/', 4)) });
    const [chunk] = await chunksOf({ train: folder, size: 8 });
    const { bytes, images, setAside } = await writeShard(chunk!, 8, openFolder);
    expect([images, setAside]).toEqual([6, []]);
    const { tensors, metadata } = decodeSafetensors(bytes);
    expect([tensors.images!.shape, tensors.labels!.shape]).toEqual([[6, 8, 8, 3], [6]]);
    expect(JSON.parse(metadata.ids!)).toEqual(chunk!.images.map(({ id }) => id));
    const shard = readShard(bytes);
    expect([...shard.labels]).toEqual(chunk!.images.map(({ label }) => label));
    for (const id of shard.ids) {
      const i = Number(id[2]);
      expect(imageOf(shard, id).slice(0, 3)).toEqual([i, 2 * i, 2]); // the colour that pngs() gave it
    }
  });

  test('writeShard: images without label have the label −1', async () => {
    const [chunk] = await chunksOf({
      train: { generated: 'shapes', perClass: 2 },
      unlabelled: [{ generated: 'shapes', perClass: 1 }],
      size: 8,
    });
    const { labels } = readShard((await writeShard(chunk!, 8, openFolder)).bytes);
    expect([...labels].sort((a, b) => a - b)).toEqual([-1, -1, -1, -1, -1, -1, 0, 1, 2, 3, 4, 5]);
  });

  test('writeShard: how many decode side by side changes nothing', async () => {
    const [chunk] = await chunksOf({ train: { generated: 'shapes', perClass: 6 }, size: 16 });
    const one = await writeShard(chunk!, 16, openFolder, { concurrency: 1 });
    expect((await writeShard(chunk!, 16, openFolder, { concurrency: 7 })).bytes).toEqual(one.bytes);
  });

  test('writeShard: progress counts every image once', async () => {
    const [chunk] = await chunksOf({ train: { generated: 'shapes', perClass: 2 }, size: 8 });
    const seen: number[][] = [];
    await writeShard(chunk!, 8, openFolder, { concurrency: 3, onProgress: (done, images) => seen.push([done, images]) });
    expect(seen).toEqual([1, 2, 3, 4, 5, 6].map((done) => [done, 6]));
  });

  test('writeShard: an aborted signal ends it', async () => {
    const [chunk] = await chunksOf({ train: { generated: 'shapes', perClass: 2 }, size: 8 });
    await expect(writeShard(chunk!, 8, openFolder, { signal: AbortSignal.abort(new Error('cancelled')) })).rejects.toThrow('cancelled');
  });
});

describe('writeShard: unreadable images', () => {
  test('writeShard: they are set aside with their reasons, the others stay', async () => {
    const noise = Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => (i * 7919) % 256);
    const jpeg = await sharp(noise, { raw: { width: 64, height: 64, channels: 3 } })
      .jpeg()
      .toBuffer();
    const bad = {
      'a/cut.jpg': jpeg.subarray(0, jpeg.length >> 1),
      'a/text.png': 'no picture',
      'b/empty.png': '',
      'b/gone.png': await plain([1, 2, 3]).png().toBuffer(),
    };
    const folder = await put(place('bad'), { ...(await pngs('a/', 3)), ...(await pngs('b/', 3)), ...bad });
    const tests = await put(place('bad-test'), await pngs('a/', 1));
    const [chunk] = await chunksOf({ train: folder, test: tests, size: 8 });
    await rm(join(folder, 'b/gone.png'));
    const { bytes, images, setAside } = await writeShard(chunk!, 8, openFolder);
    const reasons = new Map(setAside.map(({ image, reason }) => [image, reason]));
    expect([...reasons.keys()].sort()).toEqual(Object.keys(bad));
    expect(reasons.get('a/cut.jpg')).toBe('it is damaged, ends early, or is of an unusual kind');
    expect(reasons.get('a/text.png')).toMatch(/not an image of a known format/);
    expect(reasons.get('b/empty.png')).toBe('the file is empty');
    expect(reasons.get('b/gone.png')).toMatch(/must exist/);
    const shard = readShard(bytes);
    expect([images, shard.ids.length]).toEqual([6, 6]);
    expect(imageOf(shard, 'b/2.png').slice(0, 3)).toEqual([2, 4, 2]);
  });

  test('writeShard: a shard of none but unreadable images is written, empty', async () => {
    const chunk: PlanChunk = {
      role: 'pool',
      sources: [{ kind: 'files', root: temporary }],
      images: [{ id: 'x', at: 'nowhere.png', label: 0, source: 0 }],
    };
    expect(readShard((await writeShard(chunk, 8, openFolder)).bytes).ids).toEqual([]);
  });

  test('writeShard: trouble of the disk or the network is no fault of the image', async () => {
    const [chunk] = await chunksOf({ train: place('bad'), test: place('bad-test'), size: 8 });
    const down = (root: string): FileTree => ({ ...openFolder(root), readRange: () => Promise.reject(new Error('connection reset')) });
    await expect(writeShard(chunk!, 8, down)).rejects.toThrow('connection reset');
  });
});

describe('writeShard: arrays', () => {
  test('writeShard: a compressed NPZ gives the pixels numpy put in', async () => {
    const [pool, testing] = await chunksOf({ train: join(golden, 'colour.npz'), test: join(golden, 'colour.npz'), size: 8 });
    expect(pool!.images).toHaveLength(6);
    const shard = readShard((await writeShard(pool!, 4, openFolder)).bytes);
    for (const i of [0, 3, 5]) expect(imageOf(shard, `train/0000${i}`)).toEqual(counted(i * 48, 48));
    const tested = readShard((await writeShard(testing!, 4, openFolder)).bytes);
    expect(imageOf(tested, 'test/00000')).toEqual(counted(48, 48)); // make.py turned the two around
  });

  test('writeShard: a stored NPZ of gray images is read by range', async () => {
    const [pool] = await chunksOf({ train: join(golden, 'gray.npz'), test: join(golden, 'gray.npz'), size: 8 });
    const reads: number[] = [];
    const counting = (root: string): FileTree => {
      const tree = openFolder(root);
      const readRange: FileTree['readRange'] = (path, start, end) => {
        reads.push(end - start);
        return tree.readRange(path, start, end);
      };
      return { ...tree, readRange };
    };
    const shard = readShard((await writeShard(pool!, 4, counting)).bytes);
    expect(imageOf(shard, 'train/00002')).toEqual(counted(32, 16).flatMap((value) => [value, value, value]));
    expect(reads).toEqual([16, 16, 16, 16]);
  });

  test('writeShard: images of a damaged compressed array are set aside', async () => {
    const whole = await readFile(join(golden, 'colour.npz'));
    const [pool] = await chunksOf({ train: join(golden, 'colour.npz'), test: join(golden, 'colour.npz'), size: 8 });
    const access = pool!.sources[0]!;
    if (access.kind !== 'npz') throw new Error('Cannot test as the source must be an npz');
    const { start, packed } = access.array;
    whole.fill(0xff, start + (packed >> 1), start + packed);
    await put(place('damaged'), { 'colour.npz': whole });
    const chunk = { ...pool!, sources: [{ ...access, root: place('damaged') }] };
    const { images, setAside } = await writeShard(chunk, 4, openFolder);
    expect([images, setAside.length]).toEqual([0, 6]);
    expect(setAside[0]!.reason).toMatch(/an array (is damaged|ends early)/);
  });

  test('writeShard: an archive with 64-bit sizes is read', async () => {
    const [pool] = await chunksOf({ train: join(golden, 'zip64.npz'), test: join(golden, 'gray.npz'), size: 8 });
    const shard = readShard((await writeShard(pool!, 4, openFolder)).bytes);
    expect(imageOf(shard, 'train/00003')).toEqual(counted(48, 16).flatMap((value) => [value, value, value]));
  });

  test('writeShard: CIFAR-10 planes become RGB', async () => {
    const folder = await put(place('cifar'), { 'data_batch_1.bin': cifarBatch([0, 1, 0, 1]), 'test_batch.bin': cifarBatch([0]) });
    const [pool] = await chunksOf({ train: folder, test: folder });
    const shard = readShard((await writeShard(pool!, 32, openFolder)).bytes);
    expect(imageOf(shard, 'data_batch_1/00003').slice(0, 6)).toEqual([30, 31, 32, 30, 31, 32]);
  });
});

describe('readShard', () => {
  test('readShard: gives back what encodeShard was given', () => {
    const images = [0, 1].map((i) => ({ pixels: Uint8Array.from({ length: 12 }, (_, j) => i * 12 + j), label: i - 1, id: `image ${i}` }));
    const { images: pixels, labels, ids, size } = readShard(encodeShard(images, 2));
    expect([...pixels]).toEqual(Array.from({ length: 24 }, (_, i) => i));
    expect([[...labels], ids, size]).toEqual([[-1, 0], ['image 0', 'image 1'], 2]);
  });

  test('readShard: bytes that are no shard are refused', () => {
    expect(() => readShard(Buffer.from('nothing of the kind'))).toThrow(expect.objectContaining({ kind: 'DataIntegrity' }));
  });
});
