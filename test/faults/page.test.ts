/** The table of the fourteen cases names tests that are there, and `docs/failures.md` shows it. */
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { CASES } from './cases.ts';
import { casesTable, casesWithout, tableNow } from './page.ts';

const read = (file: string) => readFile(new URL(`../../${file}`, import.meta.url), 'utf8');

/** Whether a test of this name is written there, by itself or as one of several. */
function names(text: string, test: string): boolean {
  if (text.includes(test)) return true;
  const patterns = [...text.matchAll(/['`]([^'`\n]*)%[si]([^'`\n]*)['`]/g)];
  return patterns.some(([, before = '', after = '']) => before !== '' && test.startsWith(before) && test.endsWith(after));
}

test('fault suite: every one of the fourteen cases has a test, and it is where the table says', async () => {
  expect([...new Set(CASES.map(({ number }) => number))]).toEqual(Array.from({ length: 14 }, (_, i) => i + 1));
  const lost: string[] = [];
  for (const { file, test } of CASES) if (!names(await read(file), test)) lost.push(`${file}: ${test}`);
  expect(lost).toEqual([]);
});

test('docs/failures.md: its table of faults is that of the suite, but for the figures', async () => {
  expect(casesWithout(await tableNow('faults'))).toEqual(casesWithout(casesTable(new Map(), '')));
});
