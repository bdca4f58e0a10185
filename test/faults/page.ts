/** The tables of the fault suite in `docs/failures.md`. */
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { CASES } from './cases.ts';
import type { Recovery } from './held.ts';

const PAGE = fileURLToPath(new URL('../../docs/failures.md', import.meta.url));
const HEAD = ['case', 'how it is provoked', 'what comes of it', 'recovered in', 'made again', 'test'];

const row = (cells: (string | number)[]) => `| ${cells.join(' | ')} |`;
const table = (head: string[], rows: string[][]) =>
  [row(head), row(head.map(() => '---')).replaceAll(' ', ''), ...rows.map(row), ''].join('\n');

/** The text between the marks of a table. */
export async function tableNow(name: string): Promise<string> {
  const page = await readFile(PAGE, 'utf8');
  const [from, to] = places(page, name);
  return page.slice(from, to);
}

async function writeTable(name: string, text: string): Promise<void> {
  const page = await readFile(PAGE, 'utf8');
  const [from, to] = places(page, name);
  await writeFile(PAGE, page.slice(0, from) + text + page.slice(to));
}

function places(page: string, name: string): [from: number, to: number] {
  const begin = `<!-- ${name} -->\n`;
  return [page.indexOf(begin) + begin.length, page.indexOf(`<!-- end of ${name} -->`)];
}

/** Everything but the figures, which are those of the last time the suite ran. */
export const casesWithout = (text: string): string[][] =>
  text
    .split('\n')
    .filter(Boolean)
    .map((line) => line.split(' | ').filter((_, i) => i !== 3 && i !== 4));

/** @param measured  by the name of the test; where one is missing the figures of before stay */
export function casesTable(measured: Map<string, Recovery>, before: string): string {
  const old = new Map(before.split('\n').map((line) => [line.split(' | ')[1] ?? '', line.split(' | ')]));
  const rows = CASES.map(({ number, how, outcome, file, test }) => {
    const recovery = measured.get(test);
    const figures = recovery
      ? [`${Math.round(recovery.seconds)} s`, recovery.done ? `${recovery.repeated} of ${recovery.done} steps` : '']
      : [old.get(how)?.[3] ?? '', old.get(how)?.[4] ?? ''];
    return [String(number), how, outcome, ...figures, `\`${file.replace(/^test\//, '')}\``];
  });
  return table(HEAD, rows);
}

export async function writeCases(measured: Map<string, Recovery>): Promise<void> {
  await writeTable('faults', casesTable(measured, await tableNow('faults')));
}

export const writeRows = (name: string, head: string[], rows: string[][]): Promise<void> => writeTable(name, table(head, rows));
