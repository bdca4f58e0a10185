import { expect, test } from 'vitest';
import { TextIndex } from '../../../learning/images/text-index.ts';

test('TextIndex: tells new texts from those that are there, as a Set does', () => {
  const texts = Array.from({ length: 20_000 }, (_, i) => `image ${(i * 7919) % 15_000}`);
  const index = new TextIndex(texts.length, (position) => texts[position]!);
  const seen = new Set<string>();
  const differing = texts.filter((text, i) => index.add(i) !== seen.size < seen.add(text).size);
  expect(differing).toEqual([]);
  expect(texts.every((text) => index.has(text))).toBe(true);
  expect(index.has('image 15000')).toBe(false);
});

test('TextIndex: equal hashes are not equal texts', () => {
  const texts = Array.from({ length: 500 }, (_, i) => String(i)); // more than a table of so few has slots for distinct hashes
  const index = new TextIndex(texts.length, (position) => texts[position]!);
  expect(texts.map((_, i) => index.add(i)).every(Boolean)).toBe(true);
  expect(['500', '', '0 '].some((text) => index.has(text))).toBe(false);
});

test('TextIndex: an empty one holds nothing', () => {
  expect(new TextIndex(0, () => '').has('')).toBe(false);
});
