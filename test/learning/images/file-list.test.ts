import { expect, test } from 'vitest';
import { collectGarbage } from '../../../learning/garbage.ts';
import { FileList } from '../../../learning/images/file-list.ts';

/** Names whose order by bytes, by code units and as JSON differ: quotes, spaces, prefixes of each other, letters outside the first plane. */
const PATHS = [
  'b',
  'a',
  'a b',
  'a!',
  'a"',
  'a\\',
  'a\u0001',
  'a\n',
  'a#',
  'a/b',
  'a-b/c',
  'aa',
  'é',
  '\uffee',
  '\ue000',
  '😀',
  '\ud7ff',
  'a\x7f',
  '',
];
const files = PATHS.map((path, i) => ({ path, bytes: i * 2 ** 33, modified: i % 2 ? -i : 1.7e12 + i }));
const paths = (list: FileList) => Array.from({ length: list.length }, (_, i) => list.path(i));

test('FileList: files come back as they were put in', () => {
  const list = FileList.of(files);
  expect(Array.from({ length: list.length }, (_, i) => list.at(i))).toEqual(files);
});

test('FileList: a file of any size and time has a place', () => {
  const any = [-1e17, 1e17].map((modified) => ({ path: 'a', bytes: 2 ** 62, modified }));
  const list = FileList.of(any);
  expect([list.at(0), list.at(1)]).toEqual(any);
});

test('FileList: sorts as JavaScript sorts strings, and finds paths then', async () => {
  const list = FileList.of(files);
  await list.sort();
  expect(paths(list)).toEqual(PATHS.toSorted());
  expect(PATHS.every((path) => list.has(path))).toBe(true);
  expect(['c', 'a/', 'a/bc', '😁', ' '].some((path) => list.has(path))).toBe(false);
});

test('FileList: inJsonOrder goes through files in the order of their JSON', async () => {
  const texts = files.map(({ path, bytes, modified }) => JSON.stringify([path, bytes, modified]));
  const list = FileList.of(files);
  const inOrder: string[] = [];
  for await (const { path, bytes, modified } of list.inJsonOrder()) inOrder.push(JSON.stringify([path, bytes, modified]));
  expect(inOrder).toEqual(texts.toSorted());
  expect(paths(list)).toEqual(PATHS); // it sorts a copy
});

test('FileList: keep leaves the others out', () => {
  const list = FileList.of(files);
  list.keep((path) => path.startsWith('a'));
  expect(paths(list)).toEqual(PATHS.filter((path) => path.startsWith('a')));
});

test('FileList: a file takes its letters and little more, where an object takes a hundred bytes', async () => {
  const count = 100_000;
  const before = bytesHeld();
  const list = new FileList();
  for (let i = 0; i < count; i++) list.push({ path: `class ${i % 100}/image ${i}.png`, bytes: 1000 + i, modified: 1.7e12 });
  await list.sort();
  const letters = paths(list).reduce((sum, path) => sum + path.length, 0);
  expect((bytesHeld() - before - letters) / count).toBeLessThan(60);
  expect(list.length).toBe(count);
});

function bytesHeld(): number {
  collectGarbage();
  const { heapUsed, arrayBuffers, external } = process.memoryUsage();
  return heapUsed + Math.max(arrayBuffers, external);
}
