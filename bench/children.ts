/** The processes a benchmark starts. Each leads a group of its own, so that whatever it starts itself (compilers) ends with it. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';

export type Variables = Record<string, string | undefined>;

const running = new Set<number>();

/** Start a process; what it reads and writes is piped. */
export function startChild(command: string, args: string[], env: Variables): ChildProcessWithoutNullStreams {
  const child = spawn(command, args, { env, detached: true });
  const { pid } = child;
  if (pid === undefined) return child; // `error` tells why
  running.add(pid);
  child.on('exit', () => {
    endGroup(pid); // what it left behind, and what would hold our pipes open
    running.delete(pid);
  });
  return child;
}

/** End every process that still runs, at once. */
export function endChildren(): void {
  for (const pid of running) endGroup(pid);
}

function endGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error; // gone already
  }
}
