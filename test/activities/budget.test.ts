/** What one attempt leaves for the next, through a real Temporal server and real workers. */
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { Context } from '@temporalio/activity';
import { Client, Connection } from '@temporalio/client';
import { NativeConnection, Worker } from '@temporalio/worker';
import { expect, inject, onTestFinished, test } from 'vitest';
import { type Attempt, attempt } from '../../activities/attempt.ts';
import { Failure } from '../../contracts/failures.ts';

/** Run the activity until it succeeds. @param work  one attempt after the other; `shutDown` ends its worker, and another takes its place */
async function run(work: (current: Attempt, shutDown: () => void) => Promise<unknown>): Promise<unknown> {
  const { address, namespace } = inject('services').temporal;
  const taskQueue = `tries-${randomUUID()}`;
  const native = await NativeConnection.connect({ address });
  const connection = await Connection.connect({ address });
  onTestFinished(async () => {
    await connection.close();
    await native.close();
  });
  const serve = async (): Promise<void> => {
    let isShutDown = false;
    const shutDown = () => {
      isShutDown = true;
      worker.shutdown();
    };
    const worker = await Worker.create({
      connection: native,
      namespace,
      taskQueue,
      workflowsPath: fileURLToPath(new URL('./tries.ts', import.meta.url)),
      activities: { work: () => attempt((current) => work(current, shutDown)) },
      maxHeartbeatThrottleInterval: '2 seconds',
    });
    running = worker;
    await worker.run();
    if (isShutDown) await serve();
  };
  let running: Worker | undefined;
  const serving = serve();
  const client = new Client({ connection, namespace });
  try {
    return await client.workflow.execute('tries', { workflowId: taskQueue, taskQueue });
  } finally {
    running?.shutdown();
    await serving;
  }
}

test('attempt: the next one finds the count, though heartbeats are throttled and the failure follows at once', async () => {
  const found = await run(async ({ number, progress }) => {
    if (number > 1) return Context.current().info.heartbeatDetails;
    progress({ stage: 'representation', done: 7, total: 9, unit: 'steps', checkpoint: { step: 7, key: 'chain' } });
    throw new Failure('TrainerCrashed', 'Cannot go on as the trainer exited');
  });
  expect(found).toMatchObject({ failures: { counts: { TrainerCrashed: 1 }, step: 7 }, isRunning: false });
}, 60_000);

test('attempt: a worker that is told to end leaves an attempt that was not lost', async () => {
  const found = await run(async ({ number, signal, check }, shutDown) => {
    if (number > 1) return Context.current().info.heartbeatDetails;
    shutDown();
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    check();
  });
  expect(found).toMatchObject({ failures: { counts: {} }, isRunning: false });
}, 60_000);
