/** A kept process, with small real programs in place of servers and workers. */
import { statSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Child, type ChildSettings } from '../../infra/local/child.ts';
import { type Log, logFile, readSince } from '../../infra/local/logs.ts';
import { identify, isRunning } from '../../infra/local/processes.ts';
import type { ChildRecord } from '../../infra/local/record.ts';

let home: string;
let changes: ChildRecord[];
let child: Child;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'fewlabels-child-'));
  await mkdir(join(home, 'logs'));
  changes = [];
});
afterEach(async () => {
  await child.stop(1_000);
  await rm(home, { recursive: true, force: true });
});

/** A process that runs this program; ready when it has said so. */
function keep(program: string, settings: Partial<ChildSettings> = {}): Child {
  child = new Child({
    name: 'data',
    home,
    command: process.execPath,
    args: ['--eval', program],
    env: { PATH: process.env.PATH },
    cwd: home,
    isReady: (log) => readSince(log).includes('ready'),
    onChange: (_, record) => changes.push(record),
    ...settings,
  });
  return child;
}

const RUNS = `console.log('ready'); setInterval(() => {}, 1000);`;

test('child: its process is on record when it is ready, and gone after stop', async () => {
  await keep(RUNS).start();
  const last = changes.at(-1);
  expect(last?.state).toBe('ready');
  expect(isRunning(last?.process)).toBe(true);
  await child.stop(5_000);
  expect(isRunning(last?.process)).toBe(false);
  expect(changes.at(-1)).toMatchObject({ state: 'stopped', restarts: 0 });
});

test('child: one that is killed is started again', async () => {
  await keep(RUNS).start();
  const first = changes.at(-1)?.process?.pid ?? 0;
  process.kill(first, 'SIGKILL');
  await until(() => changes.at(-1)?.state === 'ready' && changes.at(-1)?.process?.pid !== first);
  expect(changes.at(-1)).toMatchObject({ restarts: 1, problem: undefined });
});

test('child: one that hangs is ended and started again; one that answers is not', async () => {
  const program = `require('node:http').createServer((_, answer) => answer.end()).listen(0, '127.0.0.1', function () { console.log('ready at ' + this.address().port) })`;
  let log: Log | undefined;
  const isReady = (given: Log) => {
    log = given;
    return readSince(given).includes('ready');
  };
  const isAlive = () => fetch(`http://127.0.0.1:${/ready at (\d+)/.exec(log ? readSince(log) : '')?.[1]}/`);
  await keep(program, { isReady, isAlive, limits: { aliveEveryMs: 50, answerMs: 1_000, unanswered: 3 } }).start();
  const first = changes.at(-1)?.process?.pid ?? 0;
  await sleep(1_000);
  expect(changes.at(-1)).toMatchObject({ restarts: 0, process: { pid: first } });
  process.kill(first, 'SIGSTOP');
  await until(() => changes.at(-1)?.state === 'ready' && changes.at(-1)?.process?.pid !== first);
  expect(changes.at(-1)).toMatchObject({ restarts: 1 });
});

test('child: a log that grows too long while its process runs is emptied, and what was in it kept', async () => {
  const program = `console.log('ready'); process.stdout.write('x'.repeat(11 * 2 ** 20) + '\\n'); setInterval(() => console.log('ready for more'), 20)`;
  await keep(program, { limits: { aliveEveryMs: 50 } }).start();
  const log = logFile(home, 'data');
  await until(() => statSync(`${log}.1`, { throwIfNoEntry: false }) !== undefined);
  expect(statSync(`${log}.1`).size).toBeGreaterThan(10 * 2 ** 20);
  await until(() => readSince({ file: log, start: 20 * 2 ** 20 }).includes('more'));
  expect(statSync(log).size).toBeLessThan(2 ** 20);
});

test('child: one that is never ready is ended and told', async () => {
  await expect(keep('setInterval(() => {}, 1000)', { limits: { startMs: 500 } }).start()).rejects.toThrow(/it was not ready after/);
});

test('child: of an error with a stack the reason is told, not the frames', async () => {
  const program = `function deeper(n) { if (n === 0) throw new Error('no such thing'); deeper(n - 1); } deeper(12);`;
  const problem = await keep(program)
    .start()
    .catch((error: Error) => error.message);
  expect(problem).toContain('Error: no such thing');
  expect(problem).not.toContain('at deeper');
});

test('child: one that cannot start is a problem after three tries, with its last lines, and is tried again', async () => {
  const started = keep(`console.log('first'); console.error('no such thing'); process.exit(7);`).start();
  await expect(started).rejects.toThrow(
    /^Cannot start data as it must keep running: it ended with status 7\..*\n {2}\| first\n {2}\| no such thing$/,
  );
  expect(changes.at(-1)).toMatchObject({ state: 'waiting', restarts: 3 });
  child.retry();
  expect(changes.at(-1)?.problem).toBeUndefined();
  await until(() => changes.at(-1)?.restarts === 4);
});

test('child: one that ignores SIGTERM is killed when its grace is over', async () => {
  await keep(`process.on('SIGTERM', () => console.log('not now')); ${RUNS}`).start();
  const running = changes.at(-1)?.process;
  await child.stop(300);
  expect(await readFile(join(home, 'logs', 'data.log'), 'utf8')).toContain('not now');
  expect(isRunning(running)).toBe(false);
});

test('isRunning: another process with the same number is not the one that was meant', () => {
  const self = identify(process.pid);
  expect(isRunning(self)).toBe(true);
  expect(isRunning({ pid: process.pid, started: 'another boot:1' })).toBe(false);
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(20);
}
