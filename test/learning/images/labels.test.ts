import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openFolder } from '../../../learning/images/file-tree.ts';
import { drawLabels, labelsOfIds, readIds } from '../../../learning/images/labels.ts';

/** 200 images of class 0, 100 of class 1, 3 of class 2, 97 without label; mixed. */
const labels = Int32Array.from({ length: 400 }, (_, i) => {
  const turn = (i * 37) % 400; // 37 and 400 share no factor: a permutation
  return turn < 200 ? 0 : turn < 300 ? 1 : turn < 303 ? 2 : -1;
});
const countsOf = (positions: Int32Array) => [0, 1, 2].map((label) => positions.filter((position) => labels[position] === label).length);

describe('drawLabels', () => {
  test.each([
    [0.01, [2, 1, 1]],
    [0.1, [20, 10, 1]],
    [0.5, [100, 50, 2]], // round(1.5) = 2
    [1, [200, 100, 3]],
  ])('drawLabels: a fraction of %f takes its share of each class, and one at least', (fraction, counts) => {
    expect(countsOf(drawLabels(labels, 3, { fraction, draw: 0 }, 1))).toEqual(counts);
  });

  test.each([
    [1, [1, 1, 1]],
    [25, [25, 25, 3]], // class 2 has three
    [1000, [200, 100, 3]],
  ])('drawLabels: a count of %i takes so many of each class, or all it has', (perClass, counts) => {
    expect(countsOf(drawLabels(labels, 3, { perClass, draw: 0 }, 1))).toEqual(counts);
  });

  test('drawLabels: positions are ascending, distinct and labelled', () => {
    const positions = [...drawLabels(labels, 3, { fraction: 0.3, draw: 2 }, 5)];
    expect(positions).toEqual([...new Set(positions)].sort((a, b) => a - b));
    expect(positions.every((position) => labels[position]! >= 0)).toBe(true);
  });

  test.each([
    [{ fraction: 0.01 }, { fraction: 0.1 }],
    [{ perClass: 3 }, { perClass: 20 }],
    [{ perClass: 2 }, { fraction: 0.5 }],
  ])('drawLabels: %j lies inside %j of the same draw', (fewer, more) => {
    const large = new Set(drawLabels(labels, 3, { ...more, draw: 4 }, 1));
    expect([...drawLabels(labels, 3, { ...fewer, draw: 4 }, 1)].every((position) => large.has(position))).toBe(true);
  });

  test('drawLabels: draws and seeds differ, the same ones agree', () => {
    const tenth = (draw: number, seed: number) => drawLabels(labels, 3, { fraction: 0.1, draw }, seed);
    const first = tenth(0, 1);
    expect(tenth(0, 1)).toEqual(first);
    expect(tenth(1, 1)).not.toEqual(first);
    expect(tenth(0, 2)).not.toEqual(first);
  });

  test('drawLabels: a class without images is left out, and fractions and counts out of range are refused', () => {
    expect(drawLabels(Int32Array.of(0, 2), 4, { fraction: 0.5, draw: 0 }, 1)).toEqual(Int32Array.of(0, 1));
    expect(drawLabels(Int32Array.of(0, 2), 4, { perClass: 5, draw: 0 }, 1)).toEqual(Int32Array.of(0, 1));
    for (const fraction of [0, -0.1, 1.1, Number.NaN]) expect(() => drawLabels(labels, 3, { fraction, draw: 0 }, 1)).toThrow(RangeError);
    for (const perClass of [0, -1, 1.5, Number.NaN]) expect(() => drawLabels(labels, 3, { perClass, draw: 0 }, 1)).toThrow(RangeError);
  });
});

describe('labelsOfIds', () => {
  const ids = ['c/1.png', 'a/1.png', 'a/2.png', 'b/1.png', 'unlabelled-1/1.png'];
  const known = Int32Array.of(2, 0, 0, 1, -1);
  const named = (wanted: string[]) =>
    labelsOfIds(
      known,
      { pool: [ids.slice(0, 2), ids.slice(2)], test: [['c/7.png'], ['c/8.png']] },
      ['ant', 'bee', 'cat'],
      'ids.txt',
      wanted,
    );

  test('labelsOfIds: the places of the images that are named, ascending', async () => {
    expect(await named(['a/2.png', 'b/1.png', 'c/1.png'])).toEqual(Int32Array.of(0, 2, 3));
  });

  test.each([
    [['a/1.png', 'b/1.png', 'c/1.png', 'c/9.png'], '1 of 4 are not, such as "c/9.png"'],
    [['a/1.png', 'b/1.png', 'c/1.png', 'unlabelled-1/1.png'], '1 of 4 are not, such as "unlabelled-1/1.png"'],
    [
      ['a/1.png', 'c/8.png', 'c/9.png', 'c/7.png'],
      'such as "c/8.png", "c/9.png", "c/7.png"; 2 of them are test images: where images.test names none, images.testFraction of each class are',
    ],
    [['a/1.png', 'a/2.png'], 'every class needs one image at least: 2 have none, such as "bee", "cat"'],
  ])('labelsOfIds: %j is refused with what is wrong', async (wanted, state) => {
    await expect(named(wanted)).rejects.toMatchObject({ kind: 'InvalidImages', message: expect.stringContaining(state) });
  });
});

describe('readIds', () => {
  const fileWith = async (text: string) => {
    const file = join(await mkdtemp(join(tmpdir(), 'fewlabels-test-')), 'ids.txt');
    await writeFile(file, text);
    return file;
  };

  test('readIds: one id a line, whatever the line ends, the order and the repetitions', async () => {
    expect(await readIds(await fileWith('\ufeffb/2 x.png\r\n\r\na/1.png\nb/2 x.png\n'), openFolder)).toEqual(['a/1.png', 'b/2 x.png']);
    expect(await readIds(await fileWith('./b/2 x.png\n.\\a\\1.png\n'), openFolder)).toEqual(['a/1.png', 'b/2 x.png']);
  });

  test('readIds: a folder is said to be one', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'fewlabels-test-'));
    const message = `Cannot take labels from "${folder}" as it must be a file that can be read, one image id a line: it is a folder`;
    await expect(readIds(folder, openFolder)).rejects.toMatchObject({ kind: 'InvalidImages', message });
  });

  test('readIds: a file that is empty or not there is refused by its name', async () => {
    const empty = await fileWith('\n \n');
    for (const file of [empty, join(empty, '..', 'none.txt')]) {
      await expect(readIds(file, openFolder)).rejects.toMatchObject({ kind: 'InvalidImages', message: expect.stringContaining(file) });
    }
  });
});
