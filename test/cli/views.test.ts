import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { expect, inject, onTestFinished, test } from 'vitest';
import { readRecipe } from '../../cli/recipe-file.ts';
import { viewSheet } from '../../cli/view-sheet.ts';
import { Recipe } from '../../contracts/recipe.ts';
import { viewSettings } from '../../contracts/views.ts';
import { openFolder } from '../../learning/images/file-tree.ts';
import { planShards } from '../../learning/images/plan.ts';
import { readShard, writeShard } from '../../learning/images/shards.ts';
import { drawViews } from '../../learning/views/draw.ts';
import { renderViews } from '../../learning/views/render.ts';
import { openS3 } from '../../store/s3.ts';
import { cifarBatch, golden, pngs } from '../learning/images/make-sources.ts';
import { fewlabels } from './command.ts';

/** A fresh folder with a recipe and files in it. */
async function folderWith(images: string, files: Record<string, string | Buffer> = {}): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'fewlabels-test-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  for (const [name, content] of Object.entries({ ...files, 'cells.yaml': `name: cells\nimages: ${images}\nseed: 7\n` })) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), content);
  }
  return folder;
}

/** The command in that folder. */
const views = (folder: string, args: string[] = [], environment: Record<string, string> = {}) =>
  fewlabels(['views', 'cells.yaml', ...args], environment, folder);

/** 32 px are enlarged three times; 2 px between cells, 10 more before each pair of views, 12 around. */
const SIZE = 32;
const topOf = (row: number) => 12 + row * 98;
const leftOf = (column: number) => 12 + column * 98 + 10 * Math.ceil(column / 2);
const rowsOf = (height: number) => (height - 22) / 98;

/** Uint8 [32, 32, 3] of one cell; checks that each of its pixels is a square of nine. */
function cellOf(sheet: Buffer, width: number, row: number, column: number): Uint8Array {
  const at = (y: number, x: number, c: number) => sheet[((topOf(row) + y) * width + leftOf(column) + x) * 3 + c] ?? -1;
  const cell = new Uint8Array(SIZE * SIZE * 3);
  for (let i = 0; i < cell.length; i++) {
    const [y, x, c] = [3 * Math.floor(i / 3 / SIZE), 3 * (Math.floor(i / 3) % SIZE), i % 3];
    cell[i] = at(y, x, c);
    if (at(y + 2, x + 2, c) !== cell[i]) throw new Error(`cell ${row}, ${column} is not enlarged by a whole number at ${y}, ${x}`);
  }
  return cell;
}

const furthest = (a: Uint8Array, b: Uint8Array) => a.reduce((most, value, i) => Math.max(most, Math.abs(value - (b[i] ?? -1000))), 0);

test('fewlabels views: sixteen images as their shard has them, each with the two views of its first four epochs', async () => {
  const folder = await folderWith('{train: {generated: shapes, perClass: 10}, size: 32}');
  const { status, out, err } = await views(folder, ['--set', 'views.jitter=1']);
  expect([status, out, err.trim().split('\n').length]).toEqual([0, 'cells-views.png\n', 1]);
  const { data: sheet, info } = await sharp(join(folder, 'cells-views.png')).raw().toBuffer({ resolveWithObject: true });
  expect([info.channels, rowsOf(info.height)]).toEqual([3, 16]);

  const recipe = await readRecipe(join(folder, 'cells.yaml'), {}, ['views.jitter=1']);
  const { chunks } = await planShards({ images: recipe.images, seed: recipe.seed, openTree: openFolder });
  const [chunk] = chunks;
  if (!chunk) throw new Error('there is no shard');
  const shard = readShard((await writeShard(chunk, SIZE, openFolder)).bytes);
  const images = { dtype: 'uint8' as const, shape: [shard.ids.length, SIZE, SIZE, 3], data: shard.images };
  const bytes = SIZE * SIZE * 3;
  for (let row = 0; row < 16; row++) expect(furthest(cellOf(sheet, info.width, row, 0), shard.images.subarray(row * bytes))).toBe(0);
  for (let epoch = 0; epoch < 4; epoch++) {
    const seen = renderViews(images, drawViews(viewSettings(recipe.views, SIZE), recipe.seed, epoch, shard.ids, 2, SIZE)).data;
    for (let row = 0; row < 16; row++) {
      for (const view of [0, 1]) {
        // Within one step: the command leaves oneDNN out, which adds in another order.
        const cell = cellOf(sheet, info.width, row, 1 + 2 * epoch + view);
        expect(furthest(cell, seen.subarray((2 * row + view) * bytes))).toBeLessThanOrEqual(1);
      }
    }
  }
}, 120_000);

test('fewlabels views: images of folders, arrays and batches; those that cannot be read and those of the test set are left out', async () => {
  const npz = await readFile(join(golden, 'colour.npz'));
  const folders = async (root: string) => ({ ...(await pngs(`${root}/a/`, 5)), ...(await pngs(`${root}/b/`, 5)) });
  const cases: [string, Record<string, string | Buffer>, number][] = [
    ['{train: images, test: test}', { ...(await folders('images')), ...(await folders('test')), 'images/b/broken.png': 'no image' }, 10],
    ['{train: images.npz, test: images.npz}', { 'images.npz': npz }, 6],
    ['{train: batches}', { 'batches/data_batch_1.bin': cifarBatch([0, 0, 0, 0, 0, 1, 1, 1, 1, 1]) }, 8],
  ];
  for (const [images, files, rows] of cases) {
    const folder = await folderWith(images, files);
    const { status, err } = await views(folder, ['--output', 'look.PNG']);
    expect([images, status, err]).toEqual([images, 0, expect.stringMatching(`^${rows} images`)]);
    expect(rowsOf((await sharp(join(folder, 'look.PNG')).metadata()).height)).toBe(rows);
  }
}, 120_000);

test('viewSheet: large images are shown smaller', async () => {
  const { views } = Recipe.parse({ name: 'x', images: { train: 'x' } });
  const image = { id: 'one', pixels: new Uint8Array(256 * 256 * 3) };
  const { width, height } = await sharp(await viewSheet([image], viewSettings(views, 256), 1, 256)).metadata();
  expect([width, height]).toEqual([24 + 9 * 226 - 2 + 40, 24 + 224]);
});

test('fewlabels views: images in a bucket, and where no store is', async () => {
  const { s3 } = inject('services');
  const store = await openS3({ ...s3, bucket: 'views-of-a-test' });
  const files = { ...(await pngs('a/', 3)), ...(await pngs('b/', 3)) };
  for (const [name, bytes] of Object.entries(files)) await store.put(name, bytes);
  const folder = await folderWith('{train: "s3://views-of-a-test"}');
  const access = { S3_ENDPOINT: s3.endpoint, AWS_ACCESS_KEY_ID: s3.accessKey, AWS_SECRET_ACCESS_KEY: s3.secretKey };
  expect(await views(folder, [], access)).toMatchObject({ status: 0, err: expect.stringMatching('^4 images') });
  expect(await views(folder)).toMatchObject({ status: 1, err: expect.stringMatching('^✖ Cannot look at images under s3://') });
}, 120_000);

test('fewlabels views: what it cannot draw or write is one message and 2, and no picture', async () => {
  const broken = { 'images/a/1.png': 'no', 'images/a/2.png': 'no', 'images/b/1.png': 'no', 'images/b/2.png': 'no' };
  const cases: [string, Record<string, string>, string[], RegExp][] = [
    ['{train: nowhere}', {}, [], /nowhere/],
    ['{train: images}', broken, [], /must be readable/],
    ['{train: {generated: shapes, perClass: 2}, size: 16}', {}, ['--output', 'cells.yaml'], /must end in \.png/],
    ['{train: {generated: shapes, perClass: 2}, size: 16}', {}, ['--output', 'none/x.png'], /must be writable/],
  ];
  for (const [images, files, args, message] of cases) {
    const folder = await folderWith(images, files);
    const { status, out, err } = await views(folder, args);
    expect([status, out, err.trim().split('\n').length]).toEqual([2, '', 1]);
    expect(err).toMatch(/^✖ Cannot /);
    expect(err).toMatch(message);
    await expect(readFile(join(folder, 'cells-views.png'))).rejects.toThrow('ENOENT');
  }
}, 120_000);
