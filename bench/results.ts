/** Results of the benchmarks, kept after each one in results.json, so that a run can go on where it was stopped. */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Row } from './benchmark.ts';
import type { Machine } from './machine.ts';

/** `date`: ISO 8601, when it ended; `seconds`: how long it took; `quick`: a try, whose figures mean nothing. */
export type Kept = { about: string; date: string; seconds: number; quick: boolean; machine: Machine; rows: Row[] };
/** By the benchmarks' names. */
export type Kepts = Record<string, Kept>;

const FILE = fileURLToPath(new URL('results.json', import.meta.url));

/** @param file  those of the suite without it; none where there is no such file */
export async function keptResults<T = Kept>(file = FILE): Promise<Record<string, T>> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Record<string, T>;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw new Error(`Cannot keep results as ${basename(file)} must be readable: ${(error as Error).message}`);
  }
}

/** All or nothing: the file is replaced in one go. */
export async function keep(results: Record<string, unknown>, file = FILE): Promise<void> {
  await writeFile(`${file}.partial`, laidOut(results));
  await rename(`${file}.partial`, file);
}

/** As our formatter wants it: a list of words or numbers on one line. */
function laidOut(results: Record<string, unknown>): string {
  const lists = /\[\n\s+((?:"(?:[^"\\]|\\.)*"|[-\d.e+]+)(?:,\n\s+(?:"(?:[^"\\]|\\.)*"|[-\d.e+]+))*)\n\s+\]/g;
  return JSON.stringify(results, null, 2)
    .replace(lists, (_, words: string) => `[${words.replace(/,\n\s+/g, ', ')}]`)
    .concat('\n');
}
