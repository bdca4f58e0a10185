/** Servers and workers of a benchmark's own: a fresh data folder, up before anything is measured, and one `fewlabels run` in it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { openSession, type Session } from '../cli/session.ts';
import { readEnvironment } from '../contracts/environment.ts';
import { down, ensureUp, status } from '../infra/local/services.ts';
import type { Tools } from './benchmark.ts';
import { startChild, type Variables } from './children.ts';
import { familyOf } from './processes.ts';

const COMMAND = fileURLToPath(new URL('../cli/fewlabels.js', import.meta.url));
const RECIPES = fileURLToPath(new URL('recipes/', import.meta.url));
/** Servers of the user's would be measured instead, and filled. */
const NOT_PASSED = ['TEMPORAL_ADDRESS', 'TEMPORAL_API_KEY', 'S3_ENDPOINT', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'];

export type Embedded = {
  session: Session;
  /** The process from which all servers and workers descend, but for the command itself. */
  supervisor: number;
  /** Process of each server and worker. */
  processes: Record<string, number>;
  /** `fewlabels run`, until its run has begun. */
  run(recipe: string, sets: string[]): Promise<Run>;
};
export type Run = {
  id: string;
  /** Process of the command. */
  pid: number;
  /** Milliseconds since 1970, when the command was given. */
  begun: number;
  /** Its exit status, at its end. */
  ended: Promise<number | null>;
  /** Ctrl-C: the command ends, the run goes on. */
  interrupt(): void;
};

/** Start servers and workers, have `work` done on them, and leave nothing behind. */
export async function withServers<T>({ scratch, say }: Tools, work: (embedded: Embedded) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(scratch, 'servers-'));
  const place = { FEWLABELS_HOME: join(folder, 'home'), FEWLABELS_SCRATCH: join(folder, 'trainers'), CUDA_VISIBLE_DEVICES: '-1' }; // the peers train on the CPU
  const variables = { ...process.env, ...place, ...Object.fromEntries(NOT_PASSED.map((name) => [name, undefined])) };
  const environment = readEnvironment(variables);
  let killFamily: () => void = () => undefined;
  try {
    await ensureUp(environment, say);
    const { supervisor, processes } = await status(environment);
    const session = await openSession({ environment, terminal: { say } }, { start: false });
    killFamily = () => familyOf(supervisor?.pid ?? 0).forEach(kill);
    process.on('exit', killFamily); // it is detached, and its folder is removed under it
    const pids = Object.fromEntries(processes.map(({ name, pid }) => [name, pid ?? 0]));
    const run: Embedded['run'] = (recipe, sets) => startRun(join(RECIPES, recipe), sets, join(folder, 'runs'), variables);
    return await work({ session, supervisor: supervisor?.pid ?? 0, processes: pids, run }).finally(() => session.close());
  } finally {
    await down(environment);
    process.off('exit', killFamily);
    await rm(folder, { recursive: true, force: true });
  }
}

function startRun(recipe: string, sets: string[], out: string, env: Variables): Promise<Run> {
  const args = [COMMAND, 'run', recipe, '--json', '--out', out, ...sets.flatMap((set) => ['--set', set])];
  const begun = Date.now();
  const child = startChild(process.execPath, args, env);
  child.stdout.resume();
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const said: string[] = [];
  return new Promise((resolve, reject) => {
    createInterface(child.stderr).on('line', (line) => {
      said.push(line);
      const id = /^Started (\S+)/.exec(line)?.[1];
      if (id) resolve({ id, pid: child.pid ?? 0, begun, ended, interrupt: () => void child.kill('SIGINT') });
    });
    child.once('error', reject);
    void ended.then((code) => reject(new Error(`Cannot measure as the run must begin: status ${code}; it said\n${said.join('\n')}`)));
  });
}

function kill(pid: number): void {
  try {
    if (pid > 0) process.kill(pid, 'SIGKILL');
  } catch {
    // it has ended meanwhile
  }
}
