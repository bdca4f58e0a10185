import { execFileSync } from 'node:child_process';
import { chmod, stat, symlink, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { zipSync } from 'fflate';
import { describe, expect, test } from 'vitest';
import { Failure } from '../../../contracts/failures.ts';
import type { ImageSource } from '../../../contracts/recipe.ts';
import { openFolder, readWhole } from '../../../learning/images/file-tree.ts';
import { readLabelTable } from '../../../learning/images/label-table.ts';
import { readIds } from '../../../learning/images/labels.ts';
import { TEXT_BYTES } from '../../../learning/images/limits.ts';
import type { Role } from '../../../learning/images/listing.ts';
import { listSource } from '../../../learning/images/sources.ts';
import { cifarBatch, golden, png, pngs, put, temporaryFolder } from './make-sources.ts';
import { npy } from './npy.ts';

const temporary = await temporaryFolder();
const place = (name: string) => join(temporary, name);
const list = async (source: ImageSource, role: Role = 'train', name?: string) => {
  const { labels, nameOf, ...rest } = await listSource(source, role, { openTree: openFolder, seed: 1, name });
  return { ...rest, images: Array.from(labels, (label, position) => ({ ...nameOf(position), label })) };
};
const failureOf = (source: ImageSource, role: Role = 'train') =>
  list(source, role).then(
    () => 'listed',
    (error) => (error instanceof Failure && error.kind === 'InvalidImages' ? error.message : `not typed: ${error}`),
  );

describe('listSource: a folder per class', () => {
  test('listSource: classes are the sub-folders with images, sorted; files of any depth belong to the top one', async () => {
    const image = await png();
    const folder = await put(place('classes'), {
      'dog/1.png': image,
      'cat/deep/er/2.JPG': image,
      'cat/3.tiff': image,
      'notes/read.me': 'no image',
      'cat/list.txt': '',
    });
    const { classes, images } = await list(folder);
    expect(classes).toEqual(['cat', 'dog']);
    expect(images).toEqual([
      { id: 'cat/3.tiff', at: 'cat/3.tiff', label: 0 },
      { id: 'cat/deep/er/2.JPG', at: 'cat/deep/er/2.JPG', label: 0 },
      { id: 'dog/1.png', at: 'dog/1.png', label: 1 },
    ]);
  });

  test('listSource: hidden files and what systems leave behind are no images', async () => {
    const image = await png();
    const folder = await put(place('junk'), {
      'a/1.png': image,
      'a/._1.png': image,
      '.git/x/2.png': image,
      '__MACOSX/a/1.png': image,
      'a/Thumbs.db': 'x',
      'b/2.png': image,
    });
    expect((await list(folder)).images.map(({ id }) => id)).toEqual(['a/1.png', 'b/2.png']);
  });

  test('listSource: numbered classes are in order of number', async () => {
    const image = await png();
    expect((await list(await put(place('numbers'), { '10/a.png': image, '9/b.png': image, '1/c.png': image }))).classes).toEqual([
      '1',
      '9',
      '10',
    ]);
  });

  test('listSource: links are followed, also in a circle', async () => {
    const folder = await put(place('links'), { 'a/1.png': await png(), 'elsewhere.txt': '' });
    await symlink(join(folder, 'a/1.png'), join(folder, 'a/2.png'));
    await symlink(folder, join(folder, 'a/again'));
    await symlink(join(folder, 'a'), join(folder, '0-another-name'));
    await symlink(join(folder, 'gone.png'), join(folder, 'a/3.png'));
    expect((await list(folder)).images.map(({ id }) => id)).toEqual(['a/1.png', 'a/2.png']);
  });

  test('listSource: as unlabelled images, all labels are ignored', async () => {
    const { classes, images } = await list(place('classes'), 'unlabelled');
    expect([classes, images.map(({ label }) => label)]).toEqual([[], [-1, -1, -1]]);
  });
});

describe('listSource: a flat folder', () => {
  const flat = async (name: string, csv: string) => ({
    folder: await put(place(name), { ...(await pngs('im', 4)), 'labels.csv': csv }),
    labels: join(place(name), 'labels.csv'),
  });

  test('listSource: without a table every image is unlabelled', async () => {
    const { classes, images } = await list(await put(place('flat'), await pngs('im', 3)));
    expect([classes, images.map(({ label }) => label)]).toEqual([[], [-1, -1, -1]]);
  });

  test('listSource: a table names the classes; what it leaves out is unlabelled', async () => {
    const source = await flat('table', '\ufefffile,label,remark\r\nim2.png,"round, small",x\r\n./im0.png,long,\r\nim3.png,,\r\n');
    const { classes, images } = await list(source);
    expect(classes).toEqual(['long', 'round, small']);
    expect(images.map(({ id, label }) => [id, label])).toEqual([
      ['im0.png', 0],
      ['im1.png', -1],
      ['im2.png', 1],
      ['im3.png', -1],
    ]);
  });

  test('listSource: semicolons, as some spreadsheets write them, are read', async () => {
    expect((await list(await flat('semicolons', 'file;label\nim0.png;a\nim1.png;b\n'))).classes).toEqual(['a', 'b']);
  });

  test('listSource: files that a table names and that are missing are counted, the first ones with their lines', async () => {
    const rows = Array.from({ length: 7 }, (_, i) => `gone${i}.png,a`).join('\n');
    const source = await flat('missing', `file,label\nim0.png,a\n${rows}\n`);
    expect(await failureOf(source)).toBe(
      `Cannot read labels as every file it names must exist: "${source.labels}", 7 of 8 missing: line 3 "gone0.png", line 4 "gone1.png", ` +
        'line 5 "gone2.png", line 6 "gone3.png", line 7 "gone4.png", … (7 in all)',
    );
  });

  test('listSource: a table without its columns, one with two labels for a file and one that is no CSV are refused', async () => {
    expect(await failureOf(await flat('columns', 'name,class\nim0.png,a\n'))).toMatch(
      /must name the columns file,label: .*line 1 has name,class/,
    );
    expect(await failureOf(await flat('twice', 'file,label\nim0.png,a\nim0.png,b\n'))).toMatch(/one label: .*line 3 "im0.png"/);
    expect(await failureOf(await flat('quotes', 'file,label\n"im0.png,a\n'))).toMatch(/must be a CSV/);
    expect(await failureOf({ folder: place('flat'), labels: place('nowhere.csv') })).toMatch(/table of labels must exist/);
  });
});

describe('listSource: arrays (written by numpy, golden/make.py)', () => {
  test('listSource: an NPZ has the numbers of its labels as classes', async () => {
    const { classes, images } = await list(join(golden, 'colour.npz'));
    expect(classes).toEqual(['0', '1', '2', '10']);
    expect(images.map(({ label }) => label)).toEqual([0, 1, 3, 0, 1, 2]); // 0 1 10 0 1 2
    expect(images[5]).toMatchObject({ id: 'train/00005', at: '5' });
  });

  test('listSource: the role picks the part of an NPZ; 64-bit labels in one dimension are read', async () => {
    const { classes, images } = await list(join(golden, 'gray.npz'), 'test');
    expect([classes, images.map(({ id }) => id)]).toEqual([
      ['3', '5'],
      ['test/00000', 'test/00001'],
    ]);
  });

  test('listSource: an NPZ of another layout is refused with what it holds', async () => {
    const file = await put(place('npz'), {
      'other.npz': zipSync({ 'x.npy': new Uint8Array(await numpyHeader()) }),
      'cut.npz': 'PK, but no more',
    });
    expect(await failureOf(join(file, 'other.npz'))).toMatch(/MedMNIST layout: .*it must hold train_images: it holds x/);
    expect(await failureOf(join(file, 'cut.npz'))).toMatch(/no zip archive/);
    expect(await failureOf(join(golden, 'many-labels.npz'))).toMatch(/one label an image: labels \[2,14\], images 2/);
    expect(await failureOf(place('none.npz'))).toMatch(/the file must exist/);
  });

  test('listSource: CIFAR-10 batches are told by their names', async () => {
    const folder = await put(place('cifar'), {
      'data_batch_1.bin': cifarBatch([0, 2]),
      'data_batch_2.bin': cifarBatch([1]),
      'test_batch.bin': cifarBatch([2]),
      'batches.meta.txt': 'plane\ncar\nbird\n\n',
    });
    const { classes, images } = await list(folder);
    expect(classes).toEqual(['bird', 'car', 'plane']);
    expect(images.map(({ id, label }) => [id, label])).toEqual([
      ['data_batch_1/00000', 2],
      ['data_batch_1/00001', 0],
      ['data_batch_2/00000', 1],
    ]);
    expect((await list(folder, 'test')).images).toEqual([{ id: 'test_batch/00000', at: 'test_batch.bin/0', label: 0 }]);
  });

  test('listSource: a cut CIFAR-10 batch is refused', async () => {
    expect(await failureOf(await put(place('cut'), { 'data_batch_1.bin': cifarBatch([1]).subarray(1) }))).toMatch(
      /records of 3073 bytes: .*has 3072 bytes/,
    );
  });
});

const NOBODY = 65_534;
/** A folder and those that it lies in, from the one for temporary files on. */
const wayTo = (folder: string): string[] => (folder.startsWith(tmpdir()) ? [...wayTo(dirname(folder)), folder] : []);

describe('listSource: what cannot be listed', () => {
  test('listSource: a folder that is missing, empty or without images is refused', async () => {
    expect(await failureOf(place('nowhere'))).toBe(`Cannot read images as the folder or file must exist: "${place('nowhere')}" (ENOENT)`);
    expect(await failureOf(await put(place('empty'), {}))).toMatch(/must hold images: .* holds 0 files/);
    expect(await failureOf(await put(place('texts'), { 'a/b.txt': '' }))).toMatch(/holds 1 files and no image among them/);
    expect(await failureOf(join(place('texts'), 'a/b.txt'))).toMatch(/must be a folder, an .npz file or s3/);
  });

  test('listSource: a folder that may not be read is refused', async () => {
    const folder = await put(place('locked'), { 'a/1.png': await png() });
    for (const open of wayTo(folder)) await chmod(open, (await stat(open)).mode | 0o055);
    await chmod(join(folder, 'a'), 0);
    const isRoot = process.geteuid?.() === 0; // whom no mode keeps out
    if (isRoot) process.seteuid?.(NOBODY);
    try {
      expect(await failureOf(folder)).toMatch(/must be readable.*\/a"/);
    } finally {
      if (isRoot) process.seteuid?.(0);
      await chmod(join(folder, 'a'), 0o755);
    }
  });
});

describe('listSource: what is too large', () => {
  const sparse = async (path: string, bytes: number) => {
    await writeFile(path, '');
    await truncate(path, bytes);
  };

  test('listSource: a table of labels larger than any, one of too many rows and one with an endless row are refused', async () => {
    const folder = await put(place('large'), await pngs('im', 2));
    await sparse(join(folder, 'labels.csv'), TEXT_BYTES + 1);
    expect(await failureOf({ folder, labels: join(folder, 'labels.csv') })).toMatch(/has at most 268435456 bytes/);
    const table = `file,label\n${'im0.png,a\n'.repeat(5)}`;
    expect(readLabelTable('l.csv', table, new Set(['im0.png']), 5).size).toBe(1);
    expect(() => readLabelTable('l.csv', table, new Set(['im0.png']), 4)).toThrow(/at most 4 rows/);
    expect(() => readLabelTable('l.csv', `file,label\nim0.png,${'a'.repeat(200_000)}`, new Set(), 4)).toThrow(/must be a CSV/);
  });

  test('listSource: a list of images and a CIFAR-10 batch larger than any are refused', async () => {
    const folder = await put(place('batch'), {});
    await sparse(join(folder, 'ids.txt'), TEXT_BYTES + 1);
    await expect(readIds(join(folder, 'ids.txt'), openFolder)).rejects.toMatchObject({ kind: 'InvalidImages' });
    await sparse(join(folder, 'data_batch_1.bin'), 3073 * 200_000);
    expect(await failureOf(folder)).toMatch(/has at most 536870912 bytes/);
  });

  test('listSource: what is no file, such as a pipe, is not waited for', async () => {
    const folder = await put(place('pipes'), await pngs('im', 2));
    execFileSync('mkfifo', [join(folder, 'labels.csv'), join(folder, 'im9.png')]);
    await expect(readIds(join(folder, 'labels.csv'), openFolder)).rejects.toMatchObject({ kind: 'InvalidImages' });
    await expect(readWhole(openFolder(folder), 'im9.png', 9)).rejects.toMatchObject({ kind: 'InvalidImages' });
    expect((await list(folder)).images.map(({ id }) => id)).toEqual(['im0.png', 'im1.png']);
  });

  test('listSource: a class name longer than any and more classes than there may be are refused', async () => {
    const folder = await put(place('named'), {
      ...(await pngs('im', 2)),
      'labels.csv': `file,label\nim0.png,${'é'.repeat(300)}\nim1.png,b\n`,
    });
    expect(await failureOf({ folder, labels: join(folder, 'labels.csv') })).toMatch(/a class name may have at most 255 characters/);
    const labels = Int32Array.from({ length: 70_000 }, (_, i) => i);
    const arrays = {
      'train_images.npy': npy('70000, 1, 1', new Uint8Array(70_000)),
      'train_labels.npy': npy('70000', new Uint8Array(labels.buffer), '<i4'),
    };
    await put(folder, { 'many.npz': zipSync(arrays, { level: 0 }) });
    expect(await failureOf(join(folder, 'many.npz'))).toMatch(/at most 65536 classes: .*has 70000/);
  });
});

describe('listSource: fingerprint', () => {
  test('listSource: the fingerprint changes with a file’s time, and stays with the folder’s place', async () => {
    const files = await pngs('a/im', 2);
    const [one, other] = [await put(place('one'), files), await put(place('other'), files)];
    for (const folder of [one, other]) for (const path of Object.keys(files)) await utimes(join(folder, path), 1000, 1000);
    const { fingerprint } = await list(one);
    expect((await list(other)).fingerprint).toBe(fingerprint);
    await utimes(join(other, 'a/im1.png'), 1000, 1001);
    expect((await list(other)).fingerprint).not.toBe(fingerprint);
  });
});

describe('listSource: generated shapes', () => {
  test('listSource: six classes of as many images as asked, by set', async () => {
    const { classes, images } = await list({ generated: 'shapes', perClass: 3, labelled: true });
    expect([classes.length, images.length]).toEqual([6, 18]);
    expect(images[4]).toEqual({ id: 'train/dashed/00001', at: 'dashed/1', label: 1 });
    const unlabelled = await list({ generated: 'shapes', perClass: 3, labelled: true }, 'unlabelled', 'unlabelled-1');
    expect([unlabelled.classes, unlabelled.images[0]!.id]).toEqual([[], 'unlabelled-1/checked/00000']);
  });
});

/** A NumPy header of one byte of data, version 1.0. */
async function numpyHeader(): Promise<Buffer> {
  const text = "{'descr': '|u1', 'fortran_order': False, 'shape': (1,), }\n";
  return Buffer.concat([Buffer.from('\x93NUMPY\x01\x00', 'latin1'), Buffer.from([text.length, 0]), Buffer.from(text), Buffer.from([7])]);
}
