/** What the figures were measured on: processor, and versions of what took part. */
import { cpus } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { VERSIONS } from '../infra/setup/tools.js';
import { cpuFlags } from '../workers/hardware.ts';

/**
 * `flags`: of those that decide which kernels run; `versions`: by package; `busy`: cores that others used just before; `load`: in its
 * place in what was kept until 2026-11-27, the average of the minute before, in which our own part before it counts.
 */
export type Machine = { cpu: string; cores: number; flags: string[]; busy?: number; load?: number; versions: Record<string, string> };

const TELLING_FLAGS = ['avx2', 'avx512f', 'avx512_bf16', 'amx_bf16'];
const LOOK_MS = 3_000;

/** Cores in use, on average over the next three seconds. */
export async function busyCores(): Promise<number> {
  const [before, started] = [idleSeconds(), performance.now()];
  await sleep(LOOK_MS);
  const elapsed = (performance.now() - started) / 1_000;
  return Math.max(0, cpus().length - (idleSeconds() - before) / elapsed);
}

const idleSeconds = (): number => cpus().reduce((sum, { times }) => sum + times.idle, 0) / 1_000;

/** Torch's threads wait for each other at every layer: where others take part of a core, it loses far more than ours does. */
export const isBusy = (busy: number, cores = cpus().length): boolean => busy > 0.25 * cores;

/**
 * @param busy   cores in use before the benchmark began
 * @param peers  versions of the peers' packages, where they were needed
 */
export function machineNow(busy: number, peers: Record<string, string> = {}): Machine {
  const cores = cpus();
  return {
    cpu: cores[0]?.model.trim() ?? 'unknown',
    cores: cores.length,
    flags: TELLING_FLAGS.filter((flag) => cpuFlags().includes(flag)),
    busy,
    versions: { node: process.versions.node, tensorflow: VERSIONS.tensorflow, ...peers },
  };
}

/** One line, for people. */
export function inWords({ cpu, cores, flags, busy = 0, load, versions }: Machine): string {
  const packages = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const company = isBusy(busy, cores) ? ` **while others used ${busy.toFixed(1)} of them**` : '';
  const before = load === undefined ? '' : ` (load of the minute before ${load.toFixed(1)})`;
  return `${cores} cores of ${cpu} (${flags.join(', ') || 'no AVX2'})${company}${before}; ${packages.join(', ')}`;
}
