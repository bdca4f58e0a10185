/** What the figures were measured on: processor, and versions of what took part. */
import { cpus } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { VERSIONS } from '../infra/setup/tools.js';
import { cpuFlags, gpuName } from '../workers/hardware.ts';

/** `flags`: of those that decide which kernels run; `load`: cores that others kept busy, just before; `versions`: by package. */
export type Machine = { cpu: string; cores: number; flags: string[]; gpu?: string; load: number; versions: Record<string, string> };

const TELLING_FLAGS = ['avx2', 'avx512f', 'avx512_bf16', 'amx_bf16'];

const LOOK_MS = 3_000;

/** Cores that are busy, on average over the next three seconds. (The average of the last minute would count our own work before.) */
export async function loadNow(): Promise<number> {
  const before = idleSeconds();
  const started = performance.now();
  await sleep(LOOK_MS);
  const elapsed = (performance.now() - started) / 1_000;
  return Math.max(0, cpus().length - (idleSeconds() - before) / elapsed);
}

const idleSeconds = (): number => cpus().reduce((sum, { times }) => sum + times.idle, 0) / 1_000;

/** Torch's threads wait for each other at every layer: where others take part of a core, it loses far more than ours does. */
export const isBusy = (load: number): boolean => load > 0.25 * cpus().length;

/**
 * @param load   before the benchmark began
 * @param peers  versions of the peers' packages, where they were needed
 */
export function machineNow(load: number, peers: Record<string, string> = {}): Machine {
  const cores = cpus();
  return {
    cpu: cores[0]?.model.trim() ?? 'unknown',
    cores: cores.length,
    flags: TELLING_FLAGS.filter((flag) => cpuFlags().includes(flag)),
    ...(gpuName() ? { gpu: gpuName() } : {}),
    load,
    versions: { node: process.versions.node, tensorflow: VERSIONS.tensorflow, ...peers },
  };
}

/** One line, for people. */
export function inWords({ cpu, cores, flags, gpu, load, versions }: Machine): string {
  const packages = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const company = isBusy(load) ? ` **while others used them** (load ${load.toFixed(1)})` : '';
  return `${gpu ? `${gpu}; ` : ''}${cores} cores of ${cpu} (${flags.join(', ') || 'no AVX2'})${company}; ${packages.join(', ')}`;
}
