/** What Linux tells of processes: the CPU time and the most memory they took. */
import { readdirSync, readFileSync } from 'node:fs';

/** Clock ticks a second of /proc; 100 on every Linux that Node runs on. */
const TICKS = 100;

/** Processes started by a process that still run, whichever thread of it started them. */
export function childrenOf(pid: number): number[] {
  const threads = listed(`/proc/${pid}/task`);
  return threads.flatMap((thread) => read(`/proc/${pid}/task/${thread}/children`).split(' ').filter(Boolean).map(Number));
}

/** A process and all that descend from it. */
export function familyOf(pid: number): number[] {
  return [pid, ...childrenOf(pid).flatMap(familyOf)];
}

/** CPU seconds, user and system, of a process and all its descendants, of those that have ended too. */
export function familySeconds(pid: number): number {
  return familyOf(pid).reduce((sum, member) => sum + ownSeconds(member) + endedSeconds(member), 0);
}

/** CPU seconds of the children (and theirs) that a process has seen to their end. */
export const endedSeconds = (pid: number): number => seconds(pid, 13, 15);
const ownSeconds = (pid: number): number => seconds(pid, 11, 13);

/** Most memory a process has held so far, bytes; undefined once it is gone. */
export function peakBytes(pid: number): number | undefined {
  const kilobytes = /^VmHWM:\s+(\d+) kB/m.exec(read(`/proc/${pid}/status`))?.[1];
  return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
}

/** Words of the command that started a process; none once it is gone. */
export const commandOf = (pid: number): string[] => read(`/proc/${pid}/cmdline`).split('\0').filter(Boolean);

/** Fields of proc(5) stat, counted from the state; the name before it may hold anything. */
function seconds(pid: number, from: number, to: number): number {
  const stat = read(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields.slice(from, to).reduce((sum, ticks) => sum + Number(ticks) / TICKS, 0);
}

/** A file of /proc; empty when its process has gone, even while it was read. */
function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function listed(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
