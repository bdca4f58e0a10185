import { expect, test } from 'vitest';
import { fuzz } from './fuzz.ts';
import { KINDS } from './kinds.ts';

test('broken images, recipes, tables, arrays and tensors: each is read, or refused with a reason; none takes the process, its time or its memory', async () => {
  const { taken, refused, findings } = await fuzz({ count: 560, seed: 7 });
  expect(findings).toEqual([]);
  for (const kind of Object.keys(KINDS)) expect((taken[kind] ?? 0) + (refused[kind] ?? 0)).toBe(80);
  expect(Object.values(refused).every((count) => count > 20)).toBe(true);
}, 180_000);
