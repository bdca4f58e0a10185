/** The peers' Python: their virtual environment, pinned in peers/requirements.txt, made once in the per-user cache. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { cached } from '../infra/setup/cache.js';
import { cacheFolder, onPath } from '../infra/setup/tools.js';
import type { Variables } from './children.ts';

const REQUIREMENTS = fileURLToPath(new URL('peers/requirements.txt', import.meta.url));
const run = promisify(execFile);

/**
 * Path of the interpreter: FEWLABELS_BENCH_PYTHON when it is set, else of the virtual environment, which is made when it is missing.
 * @param say  is told what takes long
 */
export async function peersPython(env: Variables, say: (line: string) => void): Promise<string> {
  if (env.FEWLABELS_BENCH_PYTHON) return env.FEWLABELS_BENCH_PYTHON;
  const digest = createHash('sha256')
    .update(await readFile(REQUIREMENTS))
    .digest('hex');
  const folder = join(cacheFolder(env), `peers-${digest.slice(0, 12)}`);
  await cached(folder, say, (partial) => install(partial, env, say));
  return join(folder, 'bin', 'python');
}

async function install(folder: string, env: Variables, say: (line: string) => void): Promise<void> {
  const python = onPath('python3', env);
  if (!python) throw new Error('Cannot run the peers as they need Python 3.11 or later: there is no python3 on the PATH');
  const started = performance.now();
  say('installing the peers from PyPI (2 GB to download, 4 GB on disk)');
  await run(python, ['-m', 'venv', folder], { env });
  // no-deps: the list is complete, and leaves out what only GPUs and hubs need
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-cache-dir', '--no-deps', '-r', REQUIREMENTS];
  await run(join(folder, 'bin', 'python'), pip, { env, maxBuffer: 2 ** 26 });
  say(`the peers are installed, after ${Math.round((performance.now() - started) / 1_000)} s`);
}

/** What the peers' processes see. An OpenBLAS told to take an older CPU's kernels would slow them. */
export function peerEnvironment(env: Variables): Variables {
  const { OPENBLAS_CORETYPE: _kernel, OPENBLAS_L2_SIZE: _cache, ...rest } = env;
  return {
    ...rest,
    PYTHONNOUSERSITE: '1',
    PYTHONDONTWRITEBYTECODE: '1',
    TORCHINDUCTOR_CACHE_DIR: join(cacheFolder(env), 'peers-inductor'),
  };
}

/** Versions of the peers' packages, by name, of those that are there. */
export async function peerVersions(python: string): Promise<Record<string, string>> {
  const code = `import json, platform
from importlib.metadata import distributions
wanted = ("torch", "torchvision", "lightly", "pillow", "numpy")
found = {d.name.lower(): d.version for d in distributions()}
print(json.dumps({"python": platform.python_version(), **{name: found[name] for name in wanted if name in found}}))`;
  const { stdout } = await run(python, ['-c', code]);
  return JSON.parse(stdout) as Record<string, string>;
}
