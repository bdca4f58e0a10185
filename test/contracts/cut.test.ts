import { expect, test } from 'vitest';
import { cutTo } from '../../contracts/cut.ts';

test('cutTo: at most so many bytes of UTF-8, and no half character', () => {
  expect(cutTo('plain', 9)).toBe('plain');
  expect(cutTo('plain', 3)).toBe('pla');
  expect([5, 6, 7, 8, 9, 10].map((bytes) => cutTo('é画😀', bytes))).toEqual(['é画', 'é画', 'é画', 'é画', 'é画😀', 'é画😀']);
  for (const text of ['画像'.repeat(500), '😀'.repeat(500), 'ü'.repeat(500)])
    expect(Buffer.byteLength(cutTo(text, 390))).toBeGreaterThan(386);
  expect(Buffer.byteLength(cutTo('😀'.repeat(500), 390))).toBeLessThanOrEqual(390);
});
