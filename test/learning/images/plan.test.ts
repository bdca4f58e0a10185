import { utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Failure } from '../../../contracts/failures.ts';
import type { RecipeInput } from '../../../contracts/recipe.ts';
import { collectGarbage } from '../../../learning/garbage.ts';
import { openFolder } from '../../../learning/images/file-tree.ts';
import { planShards, shardImages } from '../../../learning/images/plan.ts';
import { decodeChunk, decodeHeader, encodeChunk, encodeHeader, type PlanChunk } from '../../../learning/images/plan-format.ts';
import { golden, imagesOf, pngs, put, temporaryFolder } from './make-sources.ts';

const temporary = await temporaryFolder();
const place = (name: string) => join(temporary, name);
const plan = async (images: RecipeInput['images'], seed = 1) => {
  const { chunks, ...rest } = await planShards({ images: imagesOf(images), seed, openTree: openFolder });
  return { ...rest, chunks: [...chunks] };
};
const failureOf = (images: RecipeInput['images']) =>
  plan(images).then(
    () => 'planned',
    (error) => (error instanceof Failure && error.kind === 'InvalidImages' ? error.message : `not typed: ${error}`),
  );
const shapes = (perClass: number, labelled = true) => ({ generated: 'shapes' as const, perClass, labelled });
function bytesHeld(): number {
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

const imagesIn = (chunks: PlanChunk[], role: PlanChunk['role']) =>
  chunks.filter((chunk) => chunk.role === role).flatMap(({ images }) => images);

const two = await put(place('two'), { ...(await pngs('a/', 10)), ...(await pngs('b/', 5)) });

describe('planShards: splitting', () => {
  test('planShards: a test set is split off by class, the rest is the pool, and nothing is in both', async () => {
    const { header, chunks } = await plan({ train: two });
    const [pool, testing] = [imagesIn(chunks, 'pool'), imagesIn(chunks, 'test')];
    expect(testing.map(({ label }) => label).sort()).toEqual([0, 0, 1]); // 0.2 of 10 and of 5
    expect([...pool, ...testing].map(({ id }) => id).sort()).toEqual([...new Set([...pool, ...testing].map(({ id }) => id))].sort());
    expect(header).toMatchObject({
      classes: ['a', 'b'],
      pool: { images: 12, shards: 1, labelled: 12 },
      test: { images: 3, shards: 1, labelled: 3 },
    });
  });

  test('planShards: each part keeps at least one image of a class', async () => {
    const pair = await put(place('pair'), { ...(await pngs('a/', 2)), ...(await pngs('b/', 2)) });
    for (const testFraction of [0.01, 0.99]) {
      const { chunks } = await plan({ train: pair, testFraction });
      expect([imagesIn(chunks, 'pool'), imagesIn(chunks, 'test')].map((part) => part.map(({ label }) => label).sort())).toEqual([
        [0, 1],
        [0, 1],
      ]);
    }
  });

  test('planShards: images without label join the pool under names of their own', async () => {
    const extra = await put(place('extra'), await pngs('a/', 3));
    const { header, chunks } = await plan({ train: two, unlabelled: [extra, shapes(2)] });
    expect(header.pool).toEqual({ images: 12 + 3 + 12, shards: 1, labelled: 12 });
    const ids = imagesIn(chunks, 'pool')
      .filter(({ label }) => label === -1)
      .map(({ id }) => id);
    expect(ids).toContain('unlabelled-1/a/0.png');
    expect(ids).toContain('unlabelled-2/dotted/00001');
  });

  test('planShards: labels of a named test set follow the classes of training by name', async () => {
    const tests = await put(place('only-b'), await pngs('b/', 2));
    const { chunks } = await plan({ train: two, test: tests });
    expect(imagesIn(chunks, 'test').map(({ label }) => label)).toEqual([1, 1]);
  });

  test('planShards: one folder with a table for training and one for testing keeps its tested images out of the pool', async () => {
    const folder = await put(place('tables'), {
      ...(await pngs('im', 6)),
      'train.csv': 'file,label\nim0.png,x\nim1.png,y\n',
      'test.csv': 'file,label\nim2.png,y\n',
    });
    const { chunks } = await plan({
      train: { folder, labels: join(folder, 'train.csv') },
      test: { folder, labels: join(folder, 'test.csv') },
    });
    expect(imagesIn(chunks, 'test').map(({ id, label }) => [id, label])).toEqual([['im2.png', 1]]);
    expect(
      imagesIn(chunks, 'pool')
        .map(({ id }) => id)
        .sort(),
    ).toEqual(['im0.png', 'im1.png', 'im3.png', 'im4.png', 'im5.png']);
  });

  test('planShards: generated training and test images are different ones', async () => {
    const { chunks } = await plan({ train: shapes(2), test: shapes(2) });
    const sets = chunks.map(({ role, sources, images }) => [role, sources[images[0]!.source]]);
    expect(sets).toEqual([
      ['pool', { kind: 'shapes', set: 'train', seed: 1 }],
      ['test', { kind: 'shapes', set: 'test', seed: 1 }],
    ]);
  });
});

describe('planShards: shards', () => {
  test('shardImages: 1024 images, or what 64 MiB of pixels hold', () => {
    expect([32, 146, 147, 224, 1024].map(shardImages)).toEqual([1024, 1024, 1024, 445, 21]); // 2²⁶ / (3 · 224²) = 445.8
    expect(shardImages(148)).toBe(1021); // 2²⁶ / (3 · 148²) = 1021.25
  });

  test('planShards: shards are full but the last, and every full one holds every class', async () => {
    const { header, chunks } = await plan({ train: shapes(400), test: shapes(1) });
    expect(header.pool).toEqual({ images: 2400, shards: 3, labelled: 2400 });
    const pool = chunks.filter(({ role }) => role === 'pool');
    expect(pool.map(({ images }) => images.length)).toEqual([1024, 1024, 352]);
    for (const { images } of pool) expect(new Set(images.map(({ label }) => label)).size).toBe(6);
    expect(chunks.map(({ role }) => role)).toEqual(['pool', 'pool', 'pool', 'test']);
  });
});

describe('planShards: very many images', () => {
  test('planShards: the labels of a part are those of its shards in their order', async () => {
    const { chunks, labelsOf } = await plan({ train: shapes(400), unlabelled: [shapes(300)] });
    for (const role of ['pool', 'test'] as const) expect([...labelsOf(role)]).toEqual(imagesIn(chunks, role).map(({ label }) => label));
  });

  test('planShards: a plan keeps a few bytes an image, and none of its chunks once it is gone through', async () => {
    const perClass = 20_000;
    const before = bytesHeld();
    const planned = await planShards({ images: imagesOf({ train: shapes(perClass) }), seed: 1, openTree: openFolder });
    let images = 0;
    for (const chunk of planned.chunks) images += chunk.images.length;
    expect(images).toBe(6 * perClass);
    expect((bytesHeld() - before) / images).toBeLessThan(16); // names as objects take two hundred
    expect(planned.header.pool.images + planned.header.test.images).toBe(images); // it is still there
  });
});

describe('planShards: the same again', () => {
  test('planShards: the same files and recipe give the same bytes, another seed others', async () => {
    const textsOf = async (seed: number) => (await plan({ train: two }, seed)).chunks.map(encodeChunk);
    expect(await textsOf(1)).toEqual(await textsOf(1));
    expect(await textsOf(2)).not.toEqual(await textsOf(1));
  });

  test('decodeHeader, decodeChunk: what was encoded comes back, anything else is refused', async () => {
    const made = await plan({ train: join(golden, 'colour.npz'), test: join(golden, 'colour.npz') });
    const header = encodeHeader(made.header);
    expect([decodeHeader(header), made.chunks.map((chunk) => decodeChunk(encodeChunk(chunk)))]).toEqual([made.header, made.chunks]);
    expect(() => decodeChunk(header)).toThrow();
  });

  test('planShards: the fingerprint follows files and settings', async () => {
    const folder = await put(place('touched'), { ...(await pngs('a/', 2)), ...(await pngs('b/', 2)) });
    const print = async (images: object = {}) => (await plan({ train: folder, ...images })).header.fingerprint;
    const before = await print();
    expect(await print({ setAsideLimit: 0.5 })).toBe(before);
    expect(await print({ size: 64 })).not.toBe(before);
    expect(await print({ testFraction: 0.5 })).not.toBe(before);
    await utimes(join(folder, 'a/0.png'), 1, 1);
    expect(await print()).not.toBe(before);
  });
});

describe('planShards: refusals', () => {
  test('planShards: training without labels, with one class, or with a class of one image is refused', async () => {
    expect(await failureOf({ train: shapes(2, false) })).toMatch(/training needs labelled images: generated shapes has none/);
    expect(await failureOf({ train: await put(place('single'), await pngs('a/', 3)) })).toMatch(/two classes or more: .* has only "a"/);
    const lonely = await put(place('lonely'), { ...(await pngs('a/', 3)), ...(await pngs('b/', 1)) });
    expect(await failureOf({ train: lonely })).toBe(
      'Cannot plan shards as a class needs 2 labelled images to split a test set off: "b" has 1 (name a test set, or add images)',
    );
    expect(await failureOf({ train: lonely, test: lonely.replace('lonely', 'only-b') })).toBe('planned');
  });

  test('planShards: a class that only the test set has is named', async () => {
    const tests = await put(place('three'), { ...(await pngs('b/', 1)), ...(await pngs('zebra/', 1)) });
    expect(await failureOf({ train: two, test: tests })).toBe(
      `Cannot plan shards as every class of the test set must occur in training: "${tests}" has "zebra", training has a, b`,
    );
  });

  test('planShards: the training folder as test set is refused', async () => {
    expect(await failureOf({ train: two, test: two })).toMatch(/must not be labelled for training too: 15 are, such as "a\/0.png"/);
  });

  test('planShards: a test set without labels is refused', async () => {
    expect(await failureOf({ train: two, test: await put(place('plain'), await pngs('im', 1)) })).toMatch(
      /a test set needs labelled images/,
    );
  });

  test('planShards: names that occur twice are refused', async () => {
    const clash = await put(place('clash'), { ...(await pngs('unlabelled-1/x/', 2)), ...(await pngs('b/', 2)) });
    const extra = await put(place('clash-extra'), await pngs('x/', 2));
    expect(await failureOf({ train: clash, test: place('only-b'), unlabelled: [extra] })).toMatch(
      /a name of its own: "unlabelled-1\/x\/.\.png" occurs twice/,
    );
  });
});
