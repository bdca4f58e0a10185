/** What the machine of a trainer can do. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';

/** CPUs that multiply bfloat16 by themselves; elsewhere it is emulated and far slower than float32. */
const BFLOAT16_FLAGS = ['avx512_bf16', 'amx_bf16'];
/** What TensorFlow chooses its kernels by, narrowest first: clouds give processors of several generations one name. */
const VECTOR_FLAGS = ['avx', 'avx2', 'avx512f', ...BFLOAT16_FLAGS];
/** Compute capability of NVIDIA's Ampere, the first with bfloat16. */
const AMPERE = 8;

/** Whether convolutions in bfloat16 are faster than in float32 here. Where it cannot be told, they are not. */
export function hasBfloat16(isGpu: boolean): boolean {
  return isGpu ? computeCapability() >= AMPERE : cpuFlags().some((flag) => BFLOAT16_FLAGS.includes(flag));
}

/** The precision of convolutions that `auto` stands for here. */
export function precisionHere(asked: 'auto' | 'float32' | 'bfloat16', isGpu: boolean): 'float32' | 'bfloat16' {
  return asked !== 'auto' ? asked : hasBfloat16(isGpu) ? 'bfloat16' : 'float32';
}

/** The kind of processor in the record of a training: the GPU, or the CPU with its widest instructions. */
export function processorHere(isGpu: boolean): string {
  if (isGpu) return gpuName() ?? 'unknown';
  const flags = cpuFlags();
  const widest = VECTOR_FLAGS.findLast((flag) => flags.includes(flag));
  return [cpus()[0]?.model.trim() ?? 'unknown', widest].filter(Boolean).join(', ');
}

/** The first NVIDIA GPU, as its driver names it. */
export const gpuName = (): string | undefined => gpus('name')[0];

/** Memory of the first GPU that is taken, by whomever, bytes; 0 where nobody tells. */
export const gpuBytes = (): number => (Number(gpus('memory.used')[0]) || 0) * 2 ** 20;

export function cpuFlags(): string[] {
  try {
    return /^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1]?.trim().split(' ') ?? [];
  } catch {
    return []; // not Linux
  }
}

/** Of the weakest GPU; 0 when nobody tells. */
function computeCapability(): number {
  const found = gpus('compute_cap').map(Number).filter(Boolean);
  return found.length ? Math.min(...found) : 0;
}

/** What NVIDIA's driver says of each GPU; nothing where there is none. */
function gpus(property: 'name' | 'compute_cap' | 'memory.used'): string[] {
  const { status, stdout } = spawnSync('nvidia-smi', [`--query-gpu=${property}`, '--format=csv,noheader,nounits'], { encoding: 'utf8' });
  return status === 0 ? stdout.split('\n').filter(Boolean) : []; // what is wrong it says on stdout, too
}
