/** What the three workers share: connect, serve one queue, end well. */
import { cpus, hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NativeConnection, Worker, type WorkerOptions } from '@temporalio/worker';
import { type Logger, pino } from 'pino';
import { type Environment, readEnvironment } from '../contracts/environment.ts';
import { QUEUES, type WorkerKind } from '../contracts/queues.ts';
import { type S3Access, servicesFromEnvironment, type TemporalAccess } from '../contracts/services.ts';
import { codecOf, readKeys } from '../infra/temporal/codec.ts';
import { connectionOptions, settingToBlame } from '../infra/temporal/connection.ts';
import { type Artifacts, openArtifacts } from '../store/artifacts.ts';
import { openS3 } from '../store/s3.ts';
import { takeTasks } from './tasks.ts';

export type Serving = { environment: Environment; artifacts: Artifacts; s3: S3Access; scratch: string; graceSeconds: number; log: Logger };

/** A little less than `fewlabels up` grants its workers. */
const GRACE_SECONDS = 18;
const FAILURES = fileURLToPath(new URL('../infra/temporal/failures.ts', import.meta.url));

/**
 * Serve one queue until a signal ends the process. SIGTERM and SIGINT cancel what is running at once, so that a training writes
 * its last checkpoint and another worker goes on. With FEWLABELS_IDLE_EXIT it ends by itself, in order, once it had no work for so long; with
 * FEWLABELS_TASKS when it has done so many activities.
 */
export async function serve(kind: WorkerKind, prepare: (serving: Serving) => Promise<Partial<WorkerOptions>>): Promise<void> {
  const environment = readEnvironment(process.env);
  const log = pino({ level: environment.FEWLABELS_LOG, base: { worker: kind } });
  const { temporal, s3 } = servicesFromEnvironment(environment);
  if (!temporal || !s3)
    throw new Error(
      'Cannot serve as TEMPORAL_ADDRESS and S3_ENDPOINT must both be set: start workers with `npx fewlabels up`, or set them',
    );

  const keys = readKeys(environment);
  const connection = await connectTo(temporal);
  try {
    const identity = `${kind}@${hostname()}:${process.pid}`;
    const artifacts = openArtifacts(await openS3(s3), { worker: identity });
    const scratch = environment.FEWLABELS_SCRATCH ?? join(tmpdir(), 'fewlabels');
    const graceSeconds = Number(environment.FEWLABELS_GRACE_SECONDS ?? GRACE_SECONDS);
    const { FEWLABELS_TASKS: most, FEWLABELS_IDLE_EXIT: idleSeconds } = environment;
    const { maxConcurrentActivityTaskExecutions: atOnce, ...options } = await prepare({
      environment,
      artifacts,
      s3,
      scratch,
      graceSeconds,
      log,
    });
    if (most && options.workflowsPath) throw new Error('Cannot count tasks as a pipeline worker must stay: unset FEWLABELS_TASKS');
    const tasks = most ? takeTasks(Number(most), atOnce) : undefined;
    const worker = await Worker.create({
      connection,
      namespace: temporal.namespace,
      taskQueue: QUEUES[kind],
      identity,
      dataConverter: { payloadCodecs: [codecOf(keys)], failureConverterPath: keys.length > 0 ? FAILURES : undefined },
      shutdownGraceTime: 0, // training is told at once and uses the time for a last checkpoint
      shutdownForceTime: `${graceSeconds} seconds`,
      maxHeartbeatThrottleInterval: '2 seconds', // how long a cancellation may go unnoticed
      ...options,
      ...(tasks ? { tuner: tasks.tuner } : { maxConcurrentActivityTaskExecutions: atOnce }),
    });
    log.info(`ready: ${kind} worker serves ${QUEUES[kind]} on ${temporal.address}`);
    const running = worker.run();
    if (idleSeconds) endWhenIdle(worker, Number(idleSeconds), log);
    void tasks?.done.then(() => endInOrder(worker, `${most} ${most === '1' ? 'task is' : 'tasks are'} done`, log));
    await running;
  } finally {
    await connection.close();
  }
  process.exit(0); // a request that a store does not answer must not hold a worker that is done
}

async function connectTo(temporal: TemporalAccess): Promise<NativeConnection> {
  return NativeConnection.connect(connectionOptions(temporal)).catch(async (error: Error) => {
    const reason = (await settingToBlame(temporal, error)) ?? error.message;
    throw new Error(`Cannot serve as a Temporal server must answer at ${temporal.address}: ${reason}`);
  });
}

/** A machine that is paid by the hour is given back. */
function endWhenIdle(worker: Worker, seconds: number, log: Logger): void {
  let busy = performance.now();
  const timer = setInterval(() => {
    const { runState, numInFlightActivities, numInFlightWorkflowActivations } = worker.getStatus();
    if (runState !== 'RUNNING') return clearInterval(timer);
    if (numInFlightActivities + numInFlightWorkflowActivations > 0) busy = performance.now();
    if (performance.now() - busy < seconds * 1000) return;
    clearInterval(timer);
    endInOrder(worker, `no work for ${seconds} s`, log);
  }, 250);
}

function endInOrder(worker: Worker, why: string, log: Logger): void {
  if (worker.getStatus().runState !== 'RUNNING') return; // it was told to end already
  log.info(`ends: ${why}`);
  worker.shutdown();
}

/** Activities a data worker runs at once. */
export const cores = (): number => Math.max(1, cpus().length);

/** Entry points end with one line, not with a stack. */
export function failEntry(error: unknown): never {
  process.stderr.write(`✖ ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
