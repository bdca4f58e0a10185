/** Processes by number and start time, as the system gives a number again once its process is gone. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

export type ProcessId = { pid: number; started: string };

const POLL_MS = 50;

/**
 * Who has this number now, or undefined when nobody has, or only a zombie.
 * @throws Error when that cannot be told: a process is not gone because there is no file handle left to look at it
 */
export function identify(pid: number): ProcessId | undefined {
  const started = process.platform === 'linux' ? startedLinux(pid) : startedElsewhere(pid);
  return started === undefined ? undefined : { pid, started };
}

export function isRunning(id: ProcessId | undefined): id is ProcessId {
  return id !== undefined && identify(id.pid)?.started === id.started;
}

/** End processes: SIGTERM to those that run, and SIGKILL to what still runs after `graceMs`. Resolves when all are gone. */
export async function end(ids: (ProcessId | undefined)[], graceMs: number): Promise<void> {
  const running = () => ids.filter(isRunning);
  for (const id of running()) signal(id, 'SIGTERM');
  for (let waited = 0; waited < graceMs && running().length > 0; waited += POLL_MS) await sleep(POLL_MS);
  for (const id of running()) signal(id, 'SIGKILL');
  while (running().length > 0) await sleep(POLL_MS);
}

export function signal({ pid }: ProcessId, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

/** Start in clock ticks since boot, field 22 of proc(5) stat; the name in brackets before may hold anything. */
function startedLinux(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : `${bootId()}:${fields[19]}`;
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined; // gone, even while it was read
    throw error;
  }
}

/** Ticks start anew at each boot. */
function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

function startedElsewhere(pid: number): string | undefined {
  try {
    const [state = '', ...started] = execFileSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], { encoding: 'utf8' })
      .trim()
      .split(/\s+/);
    return state === '' || state.startsWith('Z') ? undefined : started.join(' ');
  } catch (error) {
    if ((error as { status?: number }).status === 1) return undefined; // ps found none
    throw error;
  }
}
