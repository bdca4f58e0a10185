/**
 * The Node addon of @tensorflow/tfjs-node-gpu, compiled from the sources in the package against our libtensorflow: one call of the
 * compiler, with graph-functions.patch. N-API 8, so the same file loads in Node 20, 22 and 24.
 */
import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, rename, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { cached } from './cache.js';
import { applyPatch } from './patch.js';
import { run } from './run.js';
import { tensorflowFolder } from './tensorflow.js';
import { cacheFolder, VERSIONS } from './tools.js';

const PATCH = new URL('graph-functions.patch', import.meta.url);
const PACKAGE = 'node_modules/@tensorflow/tfjs-node-gpu';
const ADDON = 'lib/napi-v8/tfjs_binding.node';
const FLAGS = ['-std=c++17', '-O2', '-fPIC', '-shared', '-DNAPI_VERSION=8'];
const LIBRARIES = ['-l:libtensorflow_cc.so.2', '-l:libtensorflow_framework.so.2', '-Wl,-rpath,$ORIGIN/../../deps/lib'];

/** Where the addon is cached: its name holds all that decides its bytes, but for the compiler. */
export function addonFolder({ root, variant, env }) {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  const version = packages[PACKAGE].version;
  const parts = [readFileSync(PATCH), packages['node_modules/node-api-headers'].version, ...FLAGS, ...LIBRARIES];
  const hash = createHash('sha256').update(parts.join('\0')).digest('hex').slice(0, 8);
  return join(cacheFolder(env), `addon-${VERSIONS.tensorflow}-${variant}-${version}-${hash}`);
}

/** Patch a copy of the sources and compile them. Needs the npm packages and libtensorflow. */
export function buildAddon({ root, variant, compiler, env, signal }, note) {
  return cached(addonFolder({ root, variant, env }), note, async (partial) => {
    const sources = join(partial, 'binding');
    await cp(join(root, PACKAGE, 'binding'), sources, { recursive: true });
    await applyPatch(partial, await readFile(PATCH, 'utf8'));
    const library = join(tensorflowFolder(variant, env), 'tensorflow');
    const includes = [join(root, 'node_modules/node-api-headers/include'), join(library, 'include')].flatMap((path) => ['-I', path]);
    const files = (await readdir(sources)).filter((name) => name.endsWith('.cc')).map((name) => join(sources, name));
    const output = ['-o', join(partial, 'tfjs_binding.node'), '-L', library, ...LIBRARIES];
    await run(compiler, [...FLAGS, ...includes, ...files, ...output], { what: 'compile the TensorFlow addon', env, signal });
    await rm(sources, { recursive: true });
  });
}

/** Whether the package in node_modules has this addon and points to this libtensorflow. */
export function isInstalled({ root, variant, env }) {
  try {
    const [there, ours] = [join(root, PACKAGE, ADDON), join(addonFolder({ root, variant, env }), 'tfjs_binding.node')].map((file) =>
      readFileSync(file),
    );
    return there.equals(ours) && readlinkSync(join(root, PACKAGE, 'deps/lib')) === join(tensorflowFolder(variant, env), 'tensorflow');
  } catch (error) {
    if (['ENOENT', 'EINVAL', 'ENOTDIR'].includes(error.code)) return false;
    throw error;
  }
}

/** Put the addon and the link to libtensorflow into the package, and load it once in a process of its own. */
export async function installAddon({ root, variant, env, signal }) {
  const place = join(root, PACKAGE);
  await mkdir(join(place, 'lib/napi-v8'), { recursive: true });
  // The addon first: while the link is missing, set-up knows that it is not done.
  await rm(join(place, 'deps'), { recursive: true, force: true });
  await cp(join(addonFolder({ root, variant, env }), 'tfjs_binding.node'), join(place, `${ADDON}.partial`));
  await rename(join(place, `${ADDON}.partial`), join(place, ADDON));
  await mkdir(join(place, 'deps'));
  await symlink(join(tensorflowFolder(variant, env), 'tensorflow'), join(place, 'deps/lib'));
  await loads({ root, env, signal }).catch(async (error) => {
    await rm(join(place, 'deps/lib'));
    throw error;
  });
}

const PROGRAM = `
  const util = require('node:util');
  util.isNullOrUndefined ??= (value) => value == null;
  util.isArray ??= Array.isArray;
  const { binding } = require('@tensorflow/tfjs-node-gpu').backend();
  if (typeof binding.addGraphFunction !== 'function') throw new Error('the addon has no addGraphFunction');
  console.log(binding.TF_Version);
`;

async function loads({ root, env, signal }) {
  const quiet = { ...env, TF_CPP_MIN_LOG_LEVEL: '2' };
  await run(process.execPath, ['--eval', PROGRAM], { what: 'load TensorFlow', cwd: root, env: quiet, signal });
}
