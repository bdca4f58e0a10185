/** Where words go: the result to stdout, everything else to stderr. */
import type { Environment } from '../contracts/environment.ts';
import { EXIT } from './problem.ts';

export type Terminal = {
  /** For the person watching (stderr): each text on one line, whatever names are in it. */
  say(...lines: string[]): void;
  /** The result (stdout), likewise. */
  print(...lines: string[]): void;
  /** A record of a file (stdout), as it is: for programs. On a screen likewise. */
  record(text: string): void;
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
  const write = (stream: NodeJS.WriteStream, lines: string[]) => void stream.write(lines.map((line) => `${printable(line)}\n`).join(''));
  return {
    say: (...lines) => write(process.stderr, lines),
    print: (...lines) => write(process.stdout, lines),
    record: (text) => void process.stdout.write(`${process.stdout.isTTY ? printable(text) : text}\n`),
    live: process.stderr.isTTY === true && kind !== 'dumb',
  };
}

/** What ends a line, steers a terminal or turns the text around it. */
const STEERING = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu;

/**
 * A text on one line. Files and classes may be called anything, and a name must not pass for a line of ours: what it could do that with is
 * written as in JSON, so that JSON stays what it is.
 */
export function printable(text: string): string {
  return text.replace(STEERING, (character) => {
    const json = JSON.stringify(character).slice(1, -1);
    return json === character ? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}` : json;
  });
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
