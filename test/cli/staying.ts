/** Commands that stay: workers, and what serves. */
import { type ChildProcess, spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';

const CLI = fileURLToPath(new URL('../../cli/fewlabels.js', import.meta.url));

/** Give a command, and wait for what it says: `said`, what matches. */
export async function startCommand(
  args: string[],
  variables: Record<string, string>,
  until: RegExp,
): Promise<{ child: ChildProcess; said: string }> {
  const env = { PATH: process.env.PATH, HOME: tmpdir(), ...variables };
  const child = spawn(process.execPath, [CLI, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => (said += text.toString()));
  for (const deadline = Date.now() + 180_000; !until.test(said) && child.exitCode === null && Date.now() < deadline; ) await sleep(50);
  expect(said).toMatch(until);
  return { child, said: until.exec(said)?.[0] ?? '' };
}

/** End it as a person would. @returns its exit status */
export async function end(child: ChildProcess): Promise<number | null> {
  const exit = new Promise<number | null>((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  return exit;
}
