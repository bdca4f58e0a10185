/** Results of the benchmarks, kept after each one in results.json, so that a run can go on where it was stopped. */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Row } from './benchmark.ts';
import type { Machine } from './machine.ts';

/** `date`: ISO 8601, when it ended; `seconds`: how long it took; `quick`: a try, whose figures mean nothing. */
export type Kept = { about: string; date: string; seconds: number; quick: boolean; machine: Machine; rows: Row[] };
/** By the benchmarks' names. */
export type Kepts = Record<string, Kept>;

const FILE = fileURLToPath(new URL('results.json', import.meta.url));

export async function keptResults(): Promise<Kepts> {
  try {
    return JSON.parse(await readFile(FILE, 'utf8')) as Kepts;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw new Error(`Cannot keep results as bench/results.json must be readable: ${(error as Error).message}`);
  }
}

/** All or nothing: the file is replaced in one go. */
export async function keep(results: Kepts): Promise<void> {
  await writeFile(`${FILE}.partial`, laidOut(results));
  await rename(`${FILE}.partial`, FILE);
}

/** As our formatter wants it: a list of words on one line. */
function laidOut(results: Kepts): string {
  const lists = /\[\n\s+("(?:[^"\\]|\\.)*"(?:,\n\s+"(?:[^"\\]|\\.)*")*)\n\s+\]/g;
  return JSON.stringify(results, null, 2)
    .replace(lists, (_, words: string) => `[${words.replace(/,\n\s+/g, ', ')}]`)
    .concat('\n');
}
