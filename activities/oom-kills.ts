/**
 * Whether the kernel has ended a process for want of memory: it counts its kills, by control group where there are any. Neither the process
 * nor its exit says so.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export type OomKills = {
  /** Whether there were any since the counting began. */
  haveGrown(): boolean;
};

/** Begin to count. @param root  of the file system, for tests @returns undefined where nobody counts: not Linux, or not readable */
export function oomKillsFor(pid: number, root = '/'): OomKills | undefined {
  const counter = countersOf(pid, root).find(({ file, word }) => read(file, word) !== undefined);
  if (!counter) return undefined;
  const count = () => read(counter.file, counter.word) ?? 0;
  const before = count();
  return { haveGrown: () => count() > before };
}

/**
 * Where kills of a process are counted, the nearest first. In a container the path of its group may be that outside, while what is mounted is
 * its own group. The whole machine's count comes last: another process may be meant.
 */
function countersOf(pid: number, root: string): { file: string; word: string }[] {
  const at = (...path: string[]) => join(root, 'sys/fs/cgroup', ...path);
  const groups = textOf(join(root, 'proc', String(pid), 'cgroup')).split('\n');
  const paths = groups.flatMap((line) => {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (path === undefined) return [];
    if (controllers === '') return [at(path, 'memory.events'), at('memory.events')];
    return controllers?.split(',').includes('memory') ? [at('memory', path, 'memory.oom_control'), at('memory/memory.oom_control')] : [];
  });
  return [...paths, join(root, 'proc/vmstat')].map((file) => ({ file, word: 'oom_kill' }));
}

function read(file: string, word: string): number | undefined {
  const [, count] = new RegExp(`^${word} (\\d+)$`, 'm').exec(textOf(file)) ?? [];
  return count === undefined ? undefined : Number(count);
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return ''; // there is none here
  }
}
