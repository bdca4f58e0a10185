/** The embedded servers with real binaries and real workers, in a data folder of their own. The tests build on each other. */
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { explain } from '../../cli/problem.ts';
import { readEnvironment } from '../../contracts/environment.ts';
import { QUEUES, SEARCH_ATTRIBUTES } from '../../contracts/queues.ts';
import type { Services } from '../../contracts/services.ts';
import { isRunning } from '../../infra/local/processes.ts';
import { CHILDREN, readRecord, type SupervisorRecord } from '../../infra/local/record.ts';
import { down, ensureUp, findServices, status } from '../../infra/local/services.ts';
import { openS3 } from '../../store/s3.ts';
import { listeningOf } from './listening.ts';
import { commandsWith } from './processes-of.ts';

const PATIENCE_MS = 120_000;

let folder: string;
let home: string;
const environmentFor = (place: string, more: Record<string, string> = {}) =>
  readEnvironment({ HOME: folder, FEWLABELS_HOME: place, ...more });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fewlabels-infra-'));
  home = join(folder, 'home');
});

afterAll(async () => {
  await down(environmentFor(home));
  await rm(folder, { recursive: true, force: true });
}, PATIENCE_MS);

describe.sequential('embedded servers', () => {
  test('ensureUp: called twice at once, it starts one supervisor, one Temporal, one MinIO and three workers', {
    timeout: PATIENCE_MS,
  }, async () => {
    const [first, second] = await Promise.all([ensureUp(environmentFor(home)), ensureUp(environmentFor(home))]);
    expect(second).toEqual(first);
    expect(commandsWith(join(home, 'temporal.db'))).toHaveLength(1);
    expect(commandsWith(join(home, 'minio'))).toHaveLength(1);
    expect((await status(environmentFor(home))).processes.map(({ name, state }) => `${name} ${state}`)).toEqual(
      CHILDREN.map((name) => `${name} ready`),
    );
    expect(await readFile(join(home, 'logs', 'supervisor.log'), 'utf8')).toMatch(/one supervisor at a time must: another one does/);
  });

  test('ensureUp: the namespace keeps finished runs for a year and has the search attributes', async () => {
    const { temporal } = await found();
    const connection = await Connection.connect({ address: temporal.address });
    const { config } = await connection.workflowService.describeNamespace({ namespace: temporal.namespace });
    const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace: temporal.namespace });
    await connection.close();
    expect(Number(config?.workflowExecutionRetentionTtl?.seconds)).toBe(365 * 24 * 3600);
    expect(Object.keys(customAttributes ?? {})).toEqual(expect.arrayContaining(Object.keys(SEARCH_ATTRIBUTES)));
  });

  test('ensureUp: three workers poll their queues', async () => {
    const { temporal } = await found();
    const connection = await Connection.connect({ address: temporal.address });
    for (const name of Object.values(QUEUES)) {
      const { pollers } = await connection.workflowService.describeTaskQueue({
        namespace: temporal.namespace,
        taskQueue: { name },
        taskQueueType: 2, // activities
      });
      expect(pollers, name).toHaveLength(1);
    }
    await connection.close();
  });

  test('ensureUp: servers and workers listen where this machine alone can reach them', async () => {
    const { processes } = await status(environmentFor(home));
    const listening = processes.map(({ name, pid }) => ({ name, ...listeningOf(pid ?? 0) }));
    expect(listening.flatMap(({ name, all }) => (all.length > 1 ? [name] : []))).toEqual(['temporal', 'minio']); // with a page each
    expect(listening.flatMap(({ name, open }) => open.map((address) => `${name} ${address}`))).toEqual([]);
  });

  test('ensureUp: data folder and credentials are for their owner alone', async () => {
    const modes = await Promise.all(
      [home, join(home, 'credentials.json'), join(home, 'services.json')].map(async (path) => (await stat(path)).mode & 0o777),
    );
    expect(modes).toEqual([0o700, 0o600, 0o600]);
  });

  test('supervisor: a killed MinIO is started again where it was, with its data', { timeout: PATIENCE_MS }, async () => {
    const before = await found();
    await (await openS3(before.s3)).put('kept/one', Buffer.from('1'));
    const pid = await pidOf('minio');
    process.kill(pid, 'SIGKILL');
    await until(async () =>
      (await status(environmentFor(home))).processes.some(
        ({ name, pid: now, state }) => name === 'minio' && state === 'ready' && now !== pid,
      ),
    );
    const after = await found();
    expect(after).toEqual(before);
    expect((await (await openS3(after.s3)).get('kept/one'))?.toString()).toBe('1');
  });

  test('supervisor: after it was killed, the next one ends its servers and workers before it starts its own', {
    timeout: PATIENCE_MS,
  }, async () => {
    const before = await recordOf(home);
    const services = await found();
    process.kill(before.supervisor.pid, 'SIGKILL');
    await until(() => !isRunning(before.supervisor));
    expect(isRunning(before.children.minio?.process)).toBe(true);

    const again = await ensureUp(environmentFor(home));
    expect(again).toEqual(services);
    expect(CHILDREN.filter((name) => isRunning(before.children[name]?.process))).toEqual([]);
    expect(commandsWith(join(home, 'temporal.db'))).toHaveLength(1);
    expect(commandsWith(join(home, 'minio'))).toHaveLength(1);
  });

  test('supervisor: after everything was killed, namespace and objects are still there', { timeout: PATIENCE_MS }, async () => {
    const id = await namespaceId(await found());
    const record = await recordOf(home);
    const all = [record.supervisor, ...CHILDREN.map((name) => record.children[name]?.process)].filter(isRunning);
    expect(all).toHaveLength(6);
    for (const { pid } of all) process.kill(pid, 'SIGKILL');
    await until(() => !all.some(isRunning));
    expect(await findServices(environmentFor(home))).toBeUndefined();

    const services = await ensureUp(environmentFor(home));
    expect(await namespaceId(services)).toBe(id);
    expect((await (await openS3(services.s3)).get('kept/one'))?.toString()).toBe('1');
  });

  test('ensureUp: workers of embedded servers do not serve servers that the environment names', async () => {
    const { temporal } = await found(); // a server of the user's, as far as the other data folder can tell
    const named = environmentFor(home, { TEMPORAL_ADDRESS: temporal.address });
    await expect(ensureUp(named)).rejects.toThrow(/^Cannot use the workers of ".*" as they must serve Temporal 127\.0\.0\.1/);
  });

  test('down: leaves no process and keeps the ports for the next time', { timeout: PATIENCE_MS }, async () => {
    const record = await recordOf(home);
    expect(await down(environmentFor(home))).toBe(true);
    expect([record.supervisor, ...CHILDREN.map((name) => record.children[name]?.process)].filter(isRunning)).toEqual([]);
    expect(commandsWith(home)).toEqual([]);
    expect((await recordOf(home)).ports).toEqual(record.ports);
    expect((await status(environmentFor(home))).state).toBe('down');
    expect(await findServices(environmentFor(home))).toBeUndefined();
    expect(await down(environmentFor(home))).toBe(false);
  });
});

test('ensureUp: a data folder that cannot be written gives one message that names it', async () => {
  const file = join(folder, 'file');
  await writeFile(file, '');
  await expect(ensureUp(environmentFor(join(file, 'home')))).rejects.toThrow(
    /^Cannot keep data in ".*\/file\/home" as it must be .*FEWLABELS_HOME$/,
  );
});

test('ensureUp: a server that will not start is quoted, and nothing stays behind', { timeout: PATIENCE_MS }, async () => {
  const broken = join(folder, 'broken');
  await mkdir(broken);
  await writeFile(join(broken, 'temporal.db'), 'this is no database\n'.repeat(100));
  const [problem, ...said] = (await ensureUp(environmentFor(broken)).catch(explain)) as string[];
  expect(problem).toMatch(/^Cannot start temporal as it must keep running: it ended with status 1/);
  expect(said.join('\n')).toMatch(/not a database/);
  expect((await status(environmentFor(broken))).state).toBe('failed');
  expect(commandsWith(broken)).toEqual([]);
});

test('ensureUp: a Temporal server that does not answer gives one message that names it', { timeout: PATIENCE_MS }, async () => {
  const named = environmentFor(join(folder, 'none'), { TEMPORAL_ADDRESS: '127.0.0.1:1' });
  await expect(ensureUp(named)).rejects.toThrow(/^Cannot use the Temporal server at 127\.0\.0\.1:1 as it must answer/);
});

async function found(): Promise<Services> {
  const services = await findServices(environmentFor(home));
  if (!services) throw new Error('nothing is up');
  return services;
}

async function recordOf(place: string): Promise<SupervisorRecord> {
  const record = await readRecord(place);
  if (!record) throw new Error('there is no record');
  return record;
}

async function pidOf(name: (typeof CHILDREN)[number]): Promise<number> {
  const pid = (await recordOf(home)).children[name]?.process?.pid;
  if (pid === undefined) throw new Error(`${name} does not run`);
  return pid;
}

async function namespaceId({ temporal }: Services): Promise<string | null | undefined> {
  const connection = await Connection.connect({ address: temporal.address });
  const { namespaceInfo } = await connection.workflowService.describeNamespace({ namespace: temporal.namespace });
  await connection.close();
  return namespaceInfo?.id;
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(50);
}
