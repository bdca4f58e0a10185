/** The tools that set-up itself needs. All that are missing are named at once, before anything starts. */
import { execFile } from 'node:child_process';
import { onPath } from './tools.js';

/** Go fetches the newer version of itself that a module asks for, from this one on. */
const GO = [1, 21];

/** @throws Error when this Node is too old, whatever else is there */
export function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 9)) {
    throw new Error(`Cannot set up as fewlabels needs Node 20, 22 or 24: this is ${process.version}. Get one from https://nodejs.org`);
  }
}

/** @throws Error when libtensorflow does not run on this machine */
export function checkMachine() {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error(
      `Cannot set up as libtensorflow is taken from a wheel for Linux on x86-64: this is ${process.platform} on ${process.arch}. ` +
        'Use such a machine, a container of its kind, or WSL2 on Windows',
    );
  }
  process.report.excludeNetwork = true; // looking up names of sockets may take seconds
  const glibc = process.report.getReport().header.glibcVersionRuntime;
  if (glibc === undefined || Number(glibc.split('.')[1]) < 27) {
    throw new Error(
      `Cannot set up as libtensorflow needs glibc 2.27 or later: this system has ${glibc ? `glibc ${glibc}` : 'another C library'}`,
    );
  }
}

/**
 * Find the tools for what is still to be done.
 * @param wanted which of `packages`, `tensorflow`, `addon`, `servers` (an array of titles) are to be made
 * @returns `{ python, compiler }`, as far as they are wanted
 * @throws Error naming every missing tool: for what, how to get it, how to do without
 */
export async function findTools(wanted, env) {
  const missing = [];
  const python = wanted.tensorflow ? (onPath('python3', env) ?? onPath('python', env)) : undefined;
  const compiler = wanted.addon
    ? [env.CXX, 'g++', 'clang++', 'c++'].find((name) => name && (name.includes('/') || onPath(name, env)))
    : undefined;

  if (wanted.packages && !onPath('npm', env)) missing.push('npm, for the npm packages: it comes with Node, https://nodejs.org');
  if (wanted.tensorflow && !(python && (await says(python, ['-m', 'pip', '--version'])))) {
    missing.push('Python 3 with pip, to download TensorFlow: `apt-get install python3 python3-pip`');
  }
  if (wanted.addon && !compiler) missing.push('a C++ compiler, for the TensorFlow addon: `apt-get install g++`, or name yours in CXX');
  if (wanted.servers.length > 0) missing.push(...(await go(wanted.servers, env)));
  if (missing.length > 0) throw new Error(['Cannot set up as some tools are missing:', ...missing.map((line) => `  ${line}`)].join('\n'));
  return { python, compiler };
}

async function go(servers, env) {
  const version = onPath('go', env) ? await says('go', ['env', 'GOVERSION']) : '';
  const [, major, minor] = /go(\d+)\.(\d+)/.exec(version) ?? [];
  if (Number(major) > GO[0] || (Number(major) === GO[0] && Number(minor) >= GO[1])) return [];
  const titles = servers.map(({ title }) => title).join(' and ');
  const variables = servers.map(({ variable }) => variable).join(' and ');
  const names = servers.map(({ title }) => `\`${title.toLowerCase()}\``).join(' and ');
  return [
    `Go ${GO.join('.')} or later, to build ${titles}${version ? ` (here is ${version})` : ''}: https://go.dev/dl. ` +
      `Without it: put ${names} on the PATH, or name your own ${servers.length > 1 ? 'servers' : 'server'} in ${variables}`,
  ];
}

/** What a command prints, or '' when it fails. */
function says(command, args) {
  return new Promise((resolve) => execFile(command, args, (error, stdout) => resolve(error ? '' : stdout.trim() || 'yes')));
}
