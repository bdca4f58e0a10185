/** The CSV that names the class of each file in a flat folder: header `file,label`, one row a file. */
import { parse } from 'csv-parse/sync';
import { Failure } from '../../contracts/failures.ts';
import { plainPath } from './file-tree.ts';
import { TABLE_ROWS } from './limits.ts';

const SHOWN = 5;
const COLUMNS_SHOWN = 20;
const LONGEST_ROW = 100_000; // characters

type Row = { file: string; label: string; line: number };

function fail(csv: string, rule: string, state: string): never {
  throw new Failure('InvalidImages', `Cannot read labels as ${rule}: "${csv}", ${state}`);
}

/** Spreadsheets in some countries write `;` for the comma. */
function delimiterOf(text: string): string {
  const header = text.split(/\r?\n/, 1)[0]!;
  return [',', ';', '\t'].find((sign) => header.includes(sign)) ?? ',';
}

function parseRows(csv: string, text: string, most: number): Row[] {
  const columns = (given: string[]) => {
    const names = given.map((name) => name.trim().toLowerCase());
    if (names.includes('file') && names.includes('label')) return names;
    return fail(csv, 'its header must name the columns file,label', `line 1 has ${names.slice(0, COLUMNS_SHOWN).join(',')}`);
  };
  let rows = 0;
  const toRow = ({ file, label }: Record<string, string>, { lines }: { lines: number }): Row => {
    if (++rows > most) fail(csv, `it has at most ${most} rows`, 'it has more');
    return { file: plainPath(file!), label: label!, line: lines };
  };
  try {
    return parse<Row, Record<string, string>>(text, {
      columns,
      on_record: toRow,
      delimiter: delimiterOf(text),
      bom: true,
      trim: true,
      skip_empty_lines: true,
      max_record_size: LONGEST_ROW,
    });
  } catch (error) {
    if (error instanceof Failure) throw error;
    return fail(csv, 'it must be a CSV', error instanceof Error ? error.message : String(error));
  }
}

const listed = (rows: Row[]) => {
  const shown = rows.slice(0, SHOWN).map(({ file, line }) => `line ${line} "${file}"`);
  return shown.join(', ') + (rows.length > SHOWN ? `, … (${rows.length} in all)` : '');
};

/**
 * The labels of a table, by file. A row with an empty label leaves its file unlabelled.
 * @param csv    name of the table, for messages
 * @param files  paths that exist, relative to the folder
 * @param most   rows it may have
 * @throws Failure InvalidImages: not a CSV, columns missing, files missing (the first few with their lines), two labels for a file
 */
export function readLabelTable(csv: string, text: string, files: Pick<ReadonlySet<string>, 'has'>, most = TABLE_ROWS): Map<string, string> {
  const rows = parseRows(csv, text, most);
  if (rows.length === 0) fail(csv, 'it must have a header and rows', 'it has none');
  const missing = rows.filter(({ file }) => !files.has(file));
  if (missing.length) fail(csv, 'every file it names must exist', `${missing.length} of ${rows.length} missing: ${listed(missing)}`);
  const labels = new Map<string, string>();
  for (const { file, label } of rows) if (!labels.has(file)) labels.set(file, label);
  const contradicting = rows.filter(({ file, label }) => labels.get(file) !== label);
  if (contradicting.length) fail(csv, 'a file must have one label', `another one at ${listed(contradicting)}`);
  return new Map([...labels].filter(([, label]) => label !== ''));
}
