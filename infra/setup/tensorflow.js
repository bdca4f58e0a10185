/**
 * libtensorflow out of the Python wheel of TensorFlow: the C API that the addon is linked to. The wheel's Python version does not
 * matter, as the two libraries do not link Python. pip checks the hashes in tensorflow-{cpu,gpu}.txt.
 */
import { existsSync } from 'node:fs';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cached } from './cache.js';
import { run } from './run.js';
import { cacheFolder, onPath, VERSIONS } from './tools.js';

const PLATFORMS = [
  'manylinux_2_27_x86_64',
  'manylinux_2_17_x86_64',
  'manylinux2014_x86_64',
  'manylinux_2_12_x86_64',
  'manylinux2010_x86_64',
];
const EXPECTED = { cpu: ' of 274', gpu: '' };
const here = (name) => fileURLToPath(new URL(name, import.meta.url));

/** The library with CUDA where an NVIDIA driver is, unless FEWLABELS_TENSORFLOW says `cpu` or `gpu`. */
export function variantOf(env) {
  const wish = env.FEWLABELS_TENSORFLOW;
  if (wish === 'cpu' || wish === 'gpu') return wish;
  if (wish) throw new Error(`Cannot choose a TensorFlow as FEWLABELS_TENSORFLOW must be cpu or gpu: it is "${wish}"`);
  return existsSync('/proc/driver/nvidia/version') || onPath('nvidia-smi', env) ? 'gpu' : 'cpu';
}

export function tensorflowFolder(variant, env) {
  return join(cacheFolder(env), `libtensorflow-${VERSIONS.tensorflow}-${variant}`);
}

/** Download, check, unpack what is needed, delete the rest. */
export function installTensorflow({ variant, python, env, signal }, note) {
  return cached(tensorflowFolder(variant, env), note, async (partial) => {
    const wheels = join(partial, 'wheels');
    const temporary = join(partial, 'temporary');
    await Promise.all([mkdir(wheels), mkdir(temporary)]);
    const watch = setInterval(() => {
      const tell = (bytes) => note(`${Math.round(bytes / 1e6)}${EXPECTED[variant]} MB`);
      sizeOf(temporary).then(tell, () => undefined); // pip moves files about meanwhile
    }, 1_000);
    try {
      await run(python, download(variant, wheels), {
        what: `download TensorFlow ${VERSIONS.tensorflow}`,
        env: { ...env, TMPDIR: temporary, PIP_REQUIRE_VIRTUALENV: 'false' },
        signal,
      });
    } finally {
      clearInterval(watch);
    }
    note('unpacking');
    await run(python, [here('unpack_wheels.py'), wheels, partial], { what: 'unpack TensorFlow', env, signal });
    await Promise.all([wheels, temporary].map((folder) => rm(folder, { recursive: true })));
  });
}

function download(variant, folder) {
  const platforms = PLATFORMS.flatMap((platform) => ['--platform', platform]);
  const wheel = ['--only-binary=:all:', '--python-version', '3.11', '--implementation', 'cp', ...platforms];
  const quiet = ['--no-cache-dir', '--disable-pip-version-check', '--progress-bar', 'off'];
  return [
    '-m',
    'pip',
    'download',
    '--no-deps',
    ...wheel,
    ...quiet,
    '--require-hashes',
    '-r',
    here(`tensorflow-${variant}.txt`),
    '-d',
    folder,
  ];
}

async function sizeOf(folder) {
  const entries = await readdir(folder, { withFileTypes: true });
  const sizes = await Promise.all(
    entries.map(async (entry) => {
      const path = join(folder, entry.name);
      return entry.isDirectory() ? sizeOf(path) : (await stat(path).catch(() => ({ size: 0 }))).size;
    }),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
