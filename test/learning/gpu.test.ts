/** Where there is an NVIDIA GPU: the same step and the same views on it as on the CPU. */
import { execFile } from 'node:child_process';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { readSafetensors } from '../../learning/safetensors.ts';
import type { Execution } from '../../learning/steps/step.ts';
import { gpuName } from '../../workers/hardware.ts';
import { TRAINER_ENVIRONMENT } from '../../workers/trainer-environment.ts';

const WORK = fileURLToPath(new URL('gpu/work.ts', import.meta.url));
/** TF32 has ten bits of a number's twenty-three. */
const EXACT = { NVIDIA_TF32_OVERRIDE: '0' };
/** The first step on a GPU may take minutes. */
const TIMEOUT_MS = 300_000;

async function workOn(device: 'CPU' | 'GPU', execution: Execution, more: Record<string, string> = {}) {
  const file = join(await mkdtemp(join(tmpdir(), 'fewlabels-gpu-')), 'work.safetensors');
  const env = { ...process.env, ...TRAINER_ENVIRONMENT, ...(device === 'CPU' ? { CUDA_VISIBLE_DEVICES: '' } : {}), ...more };
  await promisify(execFile)(process.execPath, ['--import', 'tsx', WORK, execution, file], { env, timeout: TIMEOUT_MS / 2 });
  const { tensors, metadata } = await readSafetensors(file);
  expect(metadata.device).toBe(device);
  const changes = Object.entries(tensors).filter(([name]) => name.startsWith('change/'));
  return {
    loss: tensors.loss!.data[0]!,
    change: Float32Array.from(changes.flatMap(([, { data }]) => [...data])),
    views: tensors.views!.data,
  };
}

let onCpu: ReturnType<typeof workOn> | undefined;
const reference = () => (onCpu ??= workOn('CPU', 'float32'));

/** ‖a − b‖ / ‖b‖ */
function apart(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [difference, size] = [0, 0];
  for (let i = 0; i < b.length; i++) {
    difference += (a[i]! - b[i]!) ** 2;
    size += b[i]! ** 2;
  }
  return Math.sqrt(difference / size);
}

test.skipIf(!gpuName()).each<[Execution, number]>([
  ['eager', 1e-3],
  ['float32', 1e-3],
  ['bfloat16', 0.1],
])('a step on the GPU (%s) is that on the CPU, as are the views', { timeout: TIMEOUT_MS }, async (execution, within) => {
  const cpu = await reference();
  const gpu = await workOn('GPU', execution, EXACT);
  expect(Math.abs(gpu.loss / cpu.loss - 1)).toBeLessThan(within / 10);
  expect(apart(gpu.change, cpu.change)).toBeLessThan(within);
  const off = gpu.views.filter((value, i) => Math.abs(value - cpu.views[i]!) > 1);
  expect(off.length / gpu.views.length).toBeLessThan(1e-3); // a threshold of solarizing or of hue falls to either side
});

test.skipIf(!gpuName()).each<Execution>(['float32', 'bfloat16'])(
  'a step on the GPU (%s) gives the same bits each time',
  { timeout: TIMEOUT_MS },
  async (execution) => {
    const [once, again] = [await workOn('GPU', execution), await workOn('GPU', execution)];
    expect(apart(again.change, once.change)).toBe(0);
    expect(again).toEqual(once);
  },
);

test.skipIf(!gpuName())('what works on the CPU does not take hold of the GPU', async () => {
  const program = `await import('./workers/without-gpu.ts'); const { tf } = await import('./learning/tensorflow.ts');
    console.log(tf.backend().isUsingGpuDevice);`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', program], {
    env: { ...process.env, ...TRAINER_ENVIRONMENT },
  });
  expect(stdout.trim()).toBe('false');
});
