/** What the figures were measured on: processor, and versions of what took part. */
import { cpus, loadavg } from 'node:os';
import { VERSIONS } from '../infra/setup/tools.js';
import { cpuFlags } from '../workers/hardware.ts';

/** `flags`: of those that decide which kernels run; `load`: processes that others ran, on average, before; `versions`: by package. */
export type Machine = { cpu: string; cores: number; flags: string[]; load: number; versions: Record<string, string> };

const TELLING_FLAGS = ['avx2', 'avx512f', 'avx512_bf16', 'amx_bf16'];

/** Processes that run or wait, on average over the last minute. */
export const loadNow = (): number => loadavg()[0] ?? 0;

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
    load,
    versions: { node: process.versions.node, tensorflow: VERSIONS.tensorflow, ...peers },
  };
}

/** One line, for people. */
export function inWords({ cpu, cores, flags, load, versions }: Machine): string {
  const packages = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const company = isBusy(load) ? ` **while others used them** (load ${load.toFixed(1)})` : '';
  return `${cores} cores of ${cpu} (${flags.join(', ') || 'no AVX2'})${company}; ${packages.join(', ')}`;
}
