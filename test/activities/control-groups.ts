/** Control groups of a test, where root may make some: they freeze processes so that no signal ends them, and bound their memory. */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = '/sys/fs/cgroup';

export type Group = {
  /** Take a process in, with all it will start. */
  take(pid: number): void;
  write(file: string, text: string): void;
  read(file: string): string;
  /** Give the processes back to where the first one came from, and go. */
  end(): void;
};

/** Whether a group of this kind can be made here: first version of control groups, and we are root. */
export function hasGroups(controller: 'freezer' | 'memory'): boolean {
  try {
    openGroup(controller, 'fewlabels-test-probe').end();
    return true;
  } catch {
    return false;
  }
}

export function openGroup(controller: 'freezer' | 'memory', name: string): Group {
  const own = new RegExp(`^\\d+:${controller}:(.*)$`, 'm').exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1] ?? '/';
  const parent = join(ROOT, controller, own);
  if (!existsSync(join(parent, 'cgroup.procs'))) throw new Error(`Cannot make a group as ${parent} must be there`);
  const folder = join(parent, `${name}-${process.pid}`);
  mkdirSync(folder);
  const write = (file: string, text: string) => writeFileSync(join(folder, file), text);
  const read = (file: string) => readFileSync(join(folder, file), 'utf8');
  return {
    take: (pid) => write('cgroup.procs', String(pid)),
    write,
    read,
    end() {
      for (const pid of read('cgroup.procs').split('\n').filter(Boolean)) writeFileSync(join(parent, 'cgroup.procs'), pid);
      rmdirSync(folder);
    },
  };
}
