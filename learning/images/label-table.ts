/** The CSV that names the class of each file in a flat folder: header `file,label`, one row a file. */
import { type Info, parse } from 'csv-parse/sync';
import { Failure } from '../../contracts/failures.ts';
import { plainPath } from './file-tree.ts';

const SHOWN = 5;

type Row = { file: string; label: string; line: number };

function fail(csv: string, rule: string, state: string): never {
  throw new Failure('InvalidImages', `Cannot read labels as ${rule}: "${csv}", ${state}`);
}

/** Spreadsheets in some countries write `;` for the comma. */
function delimiterOf(text: string): string {
  const header = text.split(/\r?\n/, 1)[0]!;
  return [',', ';', '\t'].find((sign) => header.includes(sign)) ?? ',';
}

type Parsed = { record: Record<string, string>; info: Info };

function parseRecords(csv: string, text: string): Parsed[] {
  const columns = (names: string[]) => names.map((name) => name.trim().toLowerCase());
  try {
    return parse<Parsed>(text, { columns, delimiter: delimiterOf(text), bom: true, info: true, trim: true, skip_empty_lines: true });
  } catch (error) {
    return fail(csv, 'it must be a CSV', error instanceof Error ? error.message : String(error));
  }
}

function parseRows(csv: string, text: string): Row[] {
  const records = parseRecords(csv, text);
  const [first] = records;
  if (!first) fail(csv, 'it must have a header and rows', 'it has none');
  if (!('file' in first.record) || !('label' in first.record)) {
    fail(csv, 'its header must name the columns file,label', `line 1 has ${Object.keys(first.record).join(',')}`);
  }
  return records.map(({ record, info }) => ({ file: plainPath(record.file!), label: record.label!, line: info.lines }));
}

const listed = (rows: Row[]) => {
  const shown = rows.slice(0, SHOWN).map(({ file, line }) => `line ${line} "${file}"`);
  return shown.join(', ') + (rows.length > SHOWN ? `, … (${rows.length} in all)` : '');
};

/**
 * The labels of a table, by file. A row with an empty label leaves its file unlabelled.
 * @param csv    name of the table, for messages
 * @param files  paths that exist, relative to the folder
 * @throws Failure InvalidImages: not a CSV, columns missing, files missing (the first few with their lines), two labels for a file
 */
export function readLabelTable(csv: string, text: string, files: Pick<ReadonlySet<string>, 'has'>): Map<string, string> {
  const rows = parseRows(csv, text);
  const missing = rows.filter(({ file }) => !files.has(file));
  if (missing.length) fail(csv, 'every file it names must exist', `${missing.length} of ${rows.length} missing: ${listed(missing)}`);
  const labels = new Map<string, string>();
  for (const { file, label } of rows) if (!labels.has(file)) labels.set(file, label);
  const contradicting = rows.filter(({ file, label }) => labels.get(file) !== label);
  if (contradicting.length) fail(csv, 'a file must have one label', `another one at ${listed(contradicting)}`);
  return new Map([...labels].filter(([, label]) => label !== ''));
}
