/**
 * Set-up: `npm start` and `npm test` run this first, so it is plain JavaScript without any package. It makes what is missing and
 * nothing else; what it makes lies in node_modules and in the per-user cache (tools.js). Killed half-way, it is simply run again.
 *
 *   npm packages ─┐
 *   libtensorflow ┴─ addon        side by side with        Temporal, MinIO
 *
 * Environment: XDG_CACHE_HOME moves the cache; TEMPORAL_ADDRESS and S3_ENDPOINT leave the server they name out;
 * FEWLABELS_TENSORFLOW=cpu|gpu overrules what the NVIDIA driver says; CXX names the compiler.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { addonFolder, buildAddon, installAddon, isInstalled } from './addon.js';
import { withLock } from './cache.js';
import { checkMachine, checkNode, findTools } from './needs.js';
import { hasPackages, installPackages } from './packages.js';
import { clock, createProgress } from './progress.js';
import { buildServer, SERVERS } from './servers.js';
import { installTensorflow, tensorflowFolder, variantOf } from './tensorflow.js';
import { cacheFolder, findServer, VERSIONS } from './tools.js';

const env = process.env;
const root = fileURLToPath(new URL('../..', import.meta.url));
const progress = createProgress(process.stderr);
const stop = new AbortController();
let firstFailure;

try {
  await setUp();
} catch (error) {
  process.stderr.write(`✖ ${error.message}\n`);
  process.exitCode = 1;
}

async function setUp() {
  const started = Date.now();
  checkNode();
  const variant = variantOf(env);
  const state = await look(variant);
  if (isDone(state)) return progress.print(`✔ Set-up: all there (${summary(variant, state)})`);

  checkMachine();
  const tools = await findTools(wanted(state), env);
  progress.print('Setting up: once per machine this takes minutes, in a second clone less than one');
  const work = { root, variant, env, signal: stop.signal, ...tools };
  await all([installNative(state, work), ...state.toBuild.map((name) => build(name, work))]);
  progress.print(`✔ Set-up done in ${clock(started)} (${summary(variant, await look(variant))})`);
}

/** What is there already. */
async function look(variant) {
  const names = Object.keys(SERVERS).filter((name) => !env[SERVERS[name].variable]);
  const found = await Promise.all(names.map((name) => findServer(name, env)));
  return {
    packages: hasPackages(root),
    tensorflow: existsSync(tensorflowFolder(variant, env)),
    addon: existsSync(addonFolder({ root, variant, env })),
    installed: isInstalled({ root, variant, env }),
    servers: names.flatMap((name, i) => (found[i] ? [`${SERVERS[name].title} ${found[i].version}`] : [])),
    toBuild: names.filter((_, i) => !found[i]),
  };
}

function isDone({ packages, tensorflow, installed, toBuild }) {
  return packages && tensorflow && installed && toBuild.length === 0;
}

function wanted({ packages, tensorflow, addon, toBuild }) {
  return { packages: !packages, tensorflow: !tensorflow, addon: !addon, servers: toBuild.map((name) => SERVERS[name]) };
}

function summary(variant, { servers }) {
  return [`libtensorflow ${VERSIONS.tensorflow} ${variant}`, ...servers].join(', ');
}

/** Packages and libtensorflow, then the addon. One set-up at a time in one clone, as `npm ci` empties node_modules. */
async function installNative(state, work) {
  const { variant } = work;
  const tensorflow = state.tensorflow
    ? undefined
    : progress.step(`libtensorflow ${VERSIONS.tensorflow} (${variant})`, (note) => installTensorflow(work, note));
  await all([
    tensorflow,
    isDone({ ...state, toBuild: [] }) ? undefined : inThisClone((share) => packagesAndAddon(work, tensorflow, share)),
  ]);
}

async function packagesAndAddon(work, tensorflow, share) {
  if (!hasPackages(root)) await progress.step('npm packages', () => installPackages(work, share));
  await tensorflow;
  if (isInstalled(work)) return;
  await progress.step('TensorFlow addon', async (note) => {
    await buildAddon(work, note);
    note('loading it once');
    await installAddon(work);
  });
}

function inThisClone(work) {
  const name = createHash('sha256').update(root).digest('hex').slice(0, 16);
  return withLock(join(cacheFolder(env), `clone-${name}.lock`), () => undefined, work);
}

function build(name, work) {
  return progress.step(`${SERVERS[name].title} ${SERVERS[name].release}`, (note) => buildServer({ ...work, name }, note));
}

/** All steps to their end. The first failure stops the others, and it is the one that is told. */
async function all(steps) {
  const guarded = steps.map((step) =>
    Promise.resolve(step).catch((error) => {
      firstFailure ??= error;
      stop.abort();
    }),
  );
  await Promise.all(guarded);
  if (firstFailure) throw firstFailure;
}
