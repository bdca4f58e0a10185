import { expect, inject, test } from 'vitest';
import { type FileInfo, readWhole } from '../../learning/images/file-tree.ts';
import { openS3 } from '../../store/s3.ts';
import { openS3Trees } from '../../store/s3-tree.ts';

const { s3 } = inject('services');
const open = openS3Trees(s3);
const listed = async (root: string) => {
  const files: FileInfo[] = [];
  for await (const some of open(root).list()) files.push(...some);
  return files;
};

/** A bucket other than the store's. */
async function images(): Promise<void> {
  const store = await openS3({ ...s3, bucket: 'images-of-a-test' });
  const files = {
    'cells/a/one.png': '0123456789',
    'cells/b/zwei ü.png': 'ab',
    'cells/.cache/x': 'no',
    'cells/a/': '',
    'cells-more/c.png': 'c',
  };
  for (const [key, text] of Object.entries(files)) await store.put(key, Buffer.from(text));
}

test('s3 tree: lists the files below its prefix with sizes and times, hidden ones and folder marks left out', async () => {
  await images();
  for (const root of ['s3://images-of-a-test/cells', 's3://images-of-a-test/cells/']) {
    const files = await listed(root);
    expect(files.map(({ path, bytes }) => [path, bytes])).toEqual([
      ['a/one.png', 10],
      ['b/zwei ü.png', 2],
    ]);
    expect(files.every(({ modified }) => Number.isInteger(modified) && modified > Date.UTC(2020))).toBe(true);
  }
  expect((await listed('s3://images-of-a-test')).map(({ path }) => path)).toContain('cells-more/c.png');
});

test('s3 tree: reads files and ranges, which are shorter only where the file ends', async () => {
  await images();
  const tree = open('s3://images-of-a-test/cells');
  const range = async (start: number, end: number) => (await tree.readRange('a/one.png', start, end)).toString();
  expect((await readWhole(tree, 'b/zwei ü.png', 2)).toString()).toBe('ab');
  expect(await range(0, 4)).toBe('0123');
  expect(await range(3, 5)).toBe('34');
  expect(await range(8, 20)).toBe('89');
  expect(await range(10, 20)).toBe('');
  expect(await range(5, 5)).toBe('');
  await expect(readWhole(tree, 'a/one.png', 9)).rejects.toMatchObject({ kind: 'InvalidImages' }); // it has 10
});

test('s3 tree: a file looks the same when listed and when found', async () => {
  await images();
  const tree = open('s3://images-of-a-test/cells');
  for (const file of await listed(tree.root)) expect(await tree.find(file.path)).toEqual(file);
  expect(await tree.find('a/two.png')).toBeUndefined();
});

test('s3 tree: what is missing is InvalidImages, named by its address', async () => {
  await images();
  const tree = open('s3://images-of-a-test/cells');
  await expect(readWhole(tree, 'no.png', 9)).rejects.toMatchObject({
    kind: 'InvalidImages',
    message: expect.stringContaining('s3://images-of-a-test/cells/no.png'),
  });
  await expect(tree.readRange('no.png', 0, 4)).rejects.toMatchObject({ kind: 'InvalidImages' });
  await expect(listed('s3://no-such-bucket-here/x')).rejects.toMatchObject({ kind: 'InvalidImages' });
  expect(await listed('s3://images-of-a-test/nothing')).toEqual([]);
});

test.each(['s3://', 's3://Bad_Name/x', '/a/folder'])('s3 tree: the address %j is refused', (root) => {
  expect(() => open(root)).toThrow(/an address must be s3:\/\/bucket or s3:\/\/bucket\/prefix/);
});
