/** Processes by number and start time. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { identify, isRunning } from '../../infra/local/processes.ts';

test('identify: a process while it is there, and nobody when it has ended', async () => {
  const child = spawn('sleep', ['60'], { stdio: 'ignore' });
  const ended = once(child, 'exit');
  const id = identify(child.pid ?? 0);
  expect(isRunning(id)).toBe(true);
  child.kill('SIGKILL');
  await ended;
  expect(isRunning(id)).toBe(false);
  expect(identify(999_999_999)).toBeUndefined();
});

test.runIf(process.platform === 'linux')('identify: a process is not gone because no file can be opened any more', () => {
  const module = fileURLToPath(new URL('../../infra/local/processes.ts', import.meta.url));
  const script = `
    import { openSync } from 'node:fs';
    const { identify } = await import(${JSON.stringify(module)});
    const known = identify(process.pid) !== undefined;
    try { for (;;) openSync('/dev/null'); } catch {}
    try { process._rawDebug(known + ' ' + JSON.stringify(identify(process.pid))); } catch (error) { process._rawDebug(known + ' ' + error.code); }
    process.exit(0);`;
  const args = [process.execPath, '--import', 'tsx', '--input-type=module', '-e', script];
  const said = execFileSync('sh', ['-c', 'ulimit -n 128; exec "$@" 2>&1', 'sh', ...args], { encoding: 'utf8' });
  expect(said.trim()).toBe('true EMFILE');
});
