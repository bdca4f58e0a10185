/** Run a command and say what it said when it fails. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

const LINES_KEPT = 15;

/**
 * Run a command to its end.
 * @param options `what` it does, for the message; `cwd`, `env`, `signal` as of spawn; `onLine` sees each line it prints; `onStart` its pid
 * @returns all lines of its stdout
 * @throws Error with its last lines when it fails
 */
export async function run(command, args, { what, cwd, env, signal, onLine, onStart }) {
  const child = spawn(command, args, { cwd, env, signal, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, killedBy) => resolve(killedBy ?? code));
  });
  if (child.pid !== undefined) onStart?.(child.pid);
  const stdout = [];
  const last = [];
  const keep = (line) => {
    last.push(line);
    if (last.length > LINES_KEPT) last.shift();
    onLine?.(line);
  };
  createInterface(child.stdout).on('line', (line) => {
    stdout.push(line);
    keep(line);
  });
  createInterface(child.stderr).on('line', keep);
  const status = await ended;
  if (status === 0) return stdout;
  const call = [command, ...args].map((part) => (/\s/.test(part) ? `'${part}'` : part)).join(' ');
  throw new Error(
    `Cannot ${what} as a command must end well: status ${status} of\n    ${call}\n${last.map((line) => `  | ${line}`).join('\n')}`,
  );
}
