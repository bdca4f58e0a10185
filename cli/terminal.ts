/** Where words go: the result to stdout, everything else to stderr. */
import type { Environment } from '../contracts/environment.ts';
import { EXIT } from './problem.ts';

export type Terminal = {
  /** A line for the person watching (stderr). */
  say(line: string): void;
  /** The result (stdout). */
  print(text: string): void;
  /** stderr is a screen that can be redrawn. */
  live: boolean;
};

/** What a command is given by `main`. */
export type Context = {
  terminal: Terminal;
  /** Raw variables: recipes may name any of them. */
  variables: Record<string, string | undefined>;
  environment: Environment;
  /** From now on the first Ctrl-C aborts this signal instead of ending the process; the second one ends it. */
  catchInterrupt(): AbortSignal;
};

/** @param kind  TERM: `dumb` terminals cannot redraw */
export function openTerminal(kind: string | undefined): Terminal {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? EXIT.done : EXIT.failed)); // `| head` has enough
  }
  return {
    say: (line) => void process.stderr.write(`${printable(line)}\n`),
    print: (text) => void process.stdout.write(`${printable(text)}\n`),
    live: process.stderr.isTTY === true && kind !== 'dumb',
  };
}

/** Without the control characters that a file's name may hold to steer a terminal. */
export function printable(text: string): string {
  return text.replace(/[^\P{Cc}\n\t]/gu, '\ufffd');
}

/** Columns of equal width, two spaces between; columns named in `right` are aligned right. */
export function columns(rows: string[][], right: number[] = []): string[] {
  const widths = rows[0]?.map((_, c) => Math.max(...rows.map((row) => (row[c] ?? '').length))) ?? [];
  return rows.map((row) =>
    row
      .map((cell, c) => (right.includes(c) ? cell.padStart(widths[c] ?? 0) : cell.padEnd(widths[c] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}
