/** Logs of the processes: one file each, appended to; what is in a long one goes into `<name>.log.1`. */
import { closeSync, copyFileSync, fstatSync, openSync, readSync, rmSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';

const LONGEST_BYTES = 10 * 2 ** 20;
const READ_BYTES = 64 * 2 ** 10;

export type Log = { file: string; descriptor: number /** Where what is written from now on begins. */; start: number };

export const logFile = (home: string, name: string): string => join(home, 'logs', `${name}.log`);

/** Open a log to append to. The caller closes `descriptor`. */
export function openLog(home: string, name: string): Log {
  const file = logFile(home, name);
  shorten(file);
  const descriptor = openSync(file, 'a', 0o600);
  return { file, descriptor, start: fstatSync(descriptor).size };
}

/** Empty a log that is too long, whoever writes to it; what was in it is kept once. A line written meanwhile may be lost. */
export function shorten(file: string): void {
  if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) <= LONGEST_BYTES) return;
  try {
    copyFileSync(file, `${file}.1`);
  } catch {
    rmSync(`${file}.1`, { force: true }); // a full disk: then there is room soon
  }
  truncateSync(file);
}

/** What was written since `start`, but no more than the last 64 KiB. */
export function readSince({ file, start }: Pick<Log, 'file' | 'start'>): string {
  const descriptor = openSync(file, 'r');
  try {
    const end = fstatSync(descriptor).size;
    const from = Math.max(start > end ? 0 : start, end - READ_BYTES); // it may have been shortened
    const buffer = Buffer.alloc(Math.max(0, end - from));
    return buffer.toString('utf8', 0, readSync(descriptor, buffer, 0, buffer.length, from));
  } finally {
    closeSync(descriptor);
  }
}

/** The last lines of a log, indented for a message. Frames of a stack are left out, as they hide the error above them. */
export function lastLines(log: Pick<Log, 'file' | 'start'>, count = 8): string {
  const lines = readSince(log)
    .split('\n')
    .filter((line) => line.trim() !== '' && !/^\s+at /.test(line));
  return lines.length === 0
    ? '  | it printed nothing'
    : lines
        .slice(-count)
        .map((line) => `  | ${line.slice(0, 300)}`)
        .join('\n');
}
