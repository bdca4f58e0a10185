/** The table of failures and its page. `UPDATE=1` writes the page's table anew. */
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { FAILURES, FATAL } from '../../contracts/failures.ts';

const PAGE = fileURLToPath(new URL('../../docs/failures.md', import.meta.url));
const [BEGIN, END] = ['<!-- kinds -->\n', '<!-- end of kinds -->\n'];

type Row = (typeof FAILURES)[keyof typeof FAILURES];

function retryText({ retryable, limit }: Row): string {
  if (retryable === false) return 'no';
  const often = limit === undefined ? 'yes, for 30 days' : `yes; the ${limit}th without progress stops the run`;
  return retryable === 'in progress' ? `once it has trained: ${often}` : often;
}

function table(): string {
  const rows = Object.entries(FAILURES).map(
    ([kind, row]) => `| \`${kind}\` | ${row.shows} | ${retryText(row)} | ${row.run} | ${row.person} |`,
  );
  return ['| kind | how it shows | retried | what the run does | what you do |', '|---|---|---|---|---|', ...rows, ''].join('\n');
}

test('docs/failures.md: its table is the table of the code', async () => {
  const page = await readFile(PAGE, 'utf8');
  const [from, to] = [page.indexOf(BEGIN) + BEGIN.length, page.indexOf(END)];
  if (process.env.UPDATE) await writeFile(PAGE, page.slice(0, from) + table() + page.slice(to));
  else expect(page.slice(from, to)).toBe(table());
});

test('FATAL: kinds that Temporal must not try again, and no other', () => {
  expect(FATAL).toContain('RepeatedFailure');
  expect(FATAL).not.toContain('OutOfMemory'); // an attempt says itself when it is fatal
  expect(FATAL).not.toContain('TrainerCrashed');
});
