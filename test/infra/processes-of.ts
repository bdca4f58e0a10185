/** Processes of this machine that name a folder on their command line, or in their environment. */
import { readdirSync, readFileSync } from 'node:fs';

/** Command lines of the running processes in which `text` occurs. */
export const commandsWith = (text: string): string[] => lines((pid) => contentsOf(pid, 'cmdline'), text);

/** The same, where it may stand in the environment too. */
export const processesWith = (text: string): string[] =>
  lines((pid) => `${contentsOf(pid, 'cmdline')} ${contentsOf(pid, 'environ')}`, text);

function lines(describe: (pid: string) => string, text: string): string[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  return pids.filter((pid) => describe(pid).includes(text)).map((pid) => contentsOf(pid, 'cmdline'));
}

function contentsOf(pid: string, file: 'cmdline' | 'environ'): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return ''; // gone meanwhile
  }
}
