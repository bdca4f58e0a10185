/** The npm packages, without their install scripts. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './run.js';

const STAMP = 'node_modules/.fewlabels-setup';

/** Whether node_modules is what package-lock.json says, by our own stamp: npm removes it together with the rest. */
export function hasPackages(root) {
  try {
    return readFileSync(join(root, STAMP), 'utf8') === stampOf(root);
  } catch (error) {
    if (error.code === 'ENOENT') return false;
    throw error;
  }
}

/** `npm ci`; the stamp comes last, so that a killed one is done again. `share` tells npm's pid. */
export async function installPackages({ root, env, signal }, share) {
  const stamp = stampOf(root);
  const args = ['ci', '--ignore-scripts', '--include=dev', '--no-audit', '--no-fund'];
  await run('npm', args, { what: 'install the npm packages', cwd: root, env, signal, onStart: share });
  await writeFile(join(root, STAMP), stamp);
}

/** Prebuilt parts differ between platforms, not between versions of Node. */
function stampOf(root) {
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  return `${lock} ${process.platform}-${process.arch}\n`;
}
