/**
 * What set-up provides, in which versions, and where it lies. Shared by set-up and by those who start the servers.
 *
 *     ${XDG_CACHE_HOME:-~/.cache}/fewlabels/
 *       libtensorflow-<version>-<cpu|gpu>/    tensorflow/*.so.2, tensorflow/include, nvidia/ (gpu)
 *       addon-<tensorflow>-<tfjs>-<hash>/     tfjs_binding.node
 *       temporal-<version>/temporal           (unless a suitable one is on the PATH)
 *       minio-<version>/minio                 (unless a suitable one is on the PATH)
 */
import { execFile } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, isAbsolute, join } from 'node:path';

export const VERSIONS = { tensorflow: '2.21.0', temporal: '1.8.2', minio: 'v0.0.0-20260212201848-7aac2a2c5b7c' };

/** The per-user cache: what was built once serves every clone. A relative XDG_CACHE_HOME is ignored, as its specification says. */
export function cacheFolder(env) {
  const base = env.XDG_CACHE_HOME && isAbsolute(env.XDG_CACHE_HOME) ? env.XDG_CACHE_HOME : join(env.HOME || homedir(), '.cache');
  return join(base, 'fewlabels');
}

/** First executable file of this name on the PATH, or undefined. */
export function onPath(name, env) {
  return (env.PATH ?? '')
    .split(delimiter)
    .filter(Boolean)
    .map((folder) => join(folder, name))
    .find(isExecutable);
}

/**
 * The binary of an embedded server: a suitable one on the PATH, else the one that set-up built.
 * @param {'temporal' | 'minio'} name
 * @returns `{ file, version }`, or undefined when set-up has to build it
 */
export async function findServer(name, env) {
  const candidates = [onPath(name, env), join(cacheFolder(env), `${name}-${VERSIONS[name]}`, name)];
  for (const file of candidates) {
    const version = file && isExecutable(file) ? SUITABLE[name](await versionOf(file)) : undefined;
    if (version) return { file, version };
  }
  return undefined;
}

/** What a binary says of itself, cut to its version, or undefined when it is too old or something else of the same name. */
const SUITABLE = {
  /** Search attributes, priorities and activity pause want server 1.29. */
  temporal(said) {
    const [, major, minor] = /Server (\d+)\.(\d+)/.exec(said) ?? [];
    return Number(major) === 1 && Number(minor) >= 29 ? /Server [\w.-]+/.exec(said)[0].toLowerCase() : undefined;
  },
  /** Conditional PUT wants a release of autumn 2024. A build from source bears no date. */
  minio(said) {
    const [, version] = /^minio version (\S+)/m.exec(said) ?? [];
    const dated = /^RELEASE\.(\d{4}-\d{2})/.exec(version ?? '')?.[1];
    return version?.startsWith('DEVELOPMENT') || (dated && dated >= '2024-09') ? version : undefined;
  },
};

function versionOf(file) {
  return new Promise((resolve) => execFile(file, ['--version'], { timeout: 20_000 }, (error, stdout) => resolve(error ? '' : stdout)));
}

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
