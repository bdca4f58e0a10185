/** What the machine of a trainer can do. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** CPUs that multiply bfloat16 by themselves; elsewhere it is emulated and far slower than float32. */
const BFLOAT16_FLAGS = ['avx512_bf16', 'amx_bf16'];
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

export function cpuFlags(): string[] {
  try {
    return /^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1]?.trim().split(' ') ?? [];
  } catch {
    return []; // not Linux
  }
}

/** Of the weakest GPU; 0 when nobody tells. */
function computeCapability(): number {
  const { stdout } = spawnSync('nvidia-smi', ['--query-gpu=compute_cap', '--format=csv,noheader'], { encoding: 'utf8' });
  const found = (stdout ?? '').split('\n').map(Number).filter(Boolean);
  return found.length ? Math.min(...found) : 0;
}
