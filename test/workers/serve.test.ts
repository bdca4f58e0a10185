/** Worker processes that end by themselves, on real servers. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { expect, inject, onTestFinished, test } from 'vitest';
import type { TemporalAccess } from '../../contracts/services.ts';
import { ownNamespace } from '../servers.ts';

/** A worker process, to its end. */
async function served(kind: 'data' | 'training' | 'pipeline', temporal: TemporalAccess, more: Record<string, string>) {
  const { s3 } = inject('services');
  const scratch = await mkdtemp(join(tmpdir(), 'fewlabels-test-'));
  onTestFinished(() => rm(scratch, { recursive: true }));
  const env = {
    PATH: process.env.PATH,
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_NAMESPACE: temporal.namespace,
    S3_ENDPOINT: s3.endpoint,
    S3_BUCKET: 'serve-test',
    AWS_ACCESS_KEY_ID: s3.accessKey,
    AWS_SECRET_ACCESS_KEY: s3.secretKey,
    FEWLABELS_SCRATCH: scratch,
    ...more,
  };
  const entry = fileURLToPath(new URL(`../../workers/${kind}.ts`, import.meta.url));
  const worker = spawn(process.execPath, ['--import', 'tsx', entry], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(() => void worker.kill('SIGKILL'));
  let said = '';
  for (const stream of [worker.stdout, worker.stderr]) stream.on('data', (text) => (said += text));
  const [status] = await once(worker, 'close');
  return { status, said };
}

test('serve: with FEWLABELS_IDLE_EXIT a worker without work ends by itself, in order', async () => {
  const { status, said } = await served('training', inject('services').temporal, { FEWLABELS_IDLE_EXIT: '1' });
  expect(status).toBe(0);
  expect(said).toMatch(/ready: training worker[\s\S]*ends: no work for 1 s/);
}, 900_000);

test('serve: with FEWLABELS_TASKS a worker takes so many tasks, ends in order, and leaves the others to the next one, untouched', async () => {
  const temporal = await ownNamespace(inject('services').temporal, 'serve-test');
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const connection = await NativeConnection.connect({ address: temporal.address });
  const client = new Client({ connection: await Connection.connect({ address: temporal.address }), namespace: temporal.namespace });
  const workflowsPath = fileURLToPath(new URL('two-tasks.ts', import.meta.url));
  const flows = await Worker.create({ connection, namespace: temporal.namespace, taskQueue: 'two-tasks', workflowsPath });
  await flows.runUntil(async () => {
    const handle = await client.workflow.start('twoTasks', { workflowId: 'two-tasks', taskQueue: 'two-tasks' });
    const untaken = async () =>
      (await handle.describe()).raw.pendingActivities?.map(({ attempt, lastStartedTime }) => [attempt, lastStartedTime]);
    const first = await served('data', temporal, { FEWLABELS_TASKS: '1' });
    expect(first.status).toBe(0);
    expect(first.said).toMatch(/ends: 1 task is done/);
    expect(await untaken()).toEqual([[1, null]]);
    const second = await served('data', temporal, { FEWLABELS_TASKS: '1' });
    expect(second.status).toBe(0);
    expect(await handle.result()).toEqual(Array(2).fill(expect.stringContaining('their plan is gone')));
    const { events } = await handle.fetchHistory();
    const started = (events ?? []).flatMap(({ activityTaskStartedEventAttributes: task }) => (task ? [[task.attempt, task.identity]] : []));
    expect(started.map(([attempt]) => attempt)).toEqual([1, 1]);
    expect(new Set(started.map(([, identity]) => identity)).size).toBe(2);
  });
  await client.connection.close();
  await connection.close();
}, 900_000);

test('serve: a pipeline worker counts no tasks, as runs need it to stay', async () => {
  const { status, said } = await served('pipeline', inject('services').temporal, { FEWLABELS_TASKS: '1' });
  expect([status, said]).toEqual([1, expect.stringContaining('Cannot count tasks as a pipeline worker must stay')]);
}, 600_000);
