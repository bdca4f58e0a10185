/** Real worker processes for a test, on the test servers, with a bucket of their own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { Manifest, STAGES } from '../../contracts/artifacts.ts';
import { QUEUES, WORKFLOW_TYPE, type WorkerKind } from '../../contracts/queues.ts';
import type { RecipeInput } from '../../contracts/recipe.ts';
import type { RunResult } from '../../contracts/scores.ts';
import type { Services } from '../../contracts/services.ts';
import { openS3 } from '../../store/s3.ts';
import { listed } from '../../store/store.ts';
import { ownNamespace } from '../servers.ts';

export const WORKFLOWS = fileURLToPath(new URL('../../workflows/index.ts', import.meta.url));

/** A run of a few seconds through every stage. */
export const TINY: RecipeInput = {
  name: 'tiny',
  images: { train: { generated: 'shapes', perClass: 30 }, size: 16 },
  labels: { fractions: [0.2, 1] },
  encoder: { width: 0.0625 },
  pretrain: { epochs: 4, batch: 16, segmentEpochs: 2 },
  finetune: { epochs: 2, atLeastSteps: 10, batch: 16 },
  distill: { epochs: 2, batch: 16 },
  compute: { threads: 1, checkpointSeconds: 1 },
};
const KINDS = Object.keys(QUEUES) as WorkerKind[];

export type Workers = {
  client: Client;
  run(id: string, recipe: unknown): Promise<RunResult>;
  /** Activity types that a run scheduled, with how often. */
  activitiesOf(id: string): Promise<Record<string, number>>;
  /** Manifests of the finished artifacts of a stage, and a way to make the bucket forget them. */
  artifactsOf(stage: 'representation' | 'classifier'): Promise<{ manifests: Manifest[]; forget(): Promise<void> }>;
  /** Nothing that was made is found again. */
  emptyBucket(): Promise<void>;
  start(id: string, recipe: RecipeInput): ReturnType<Client['workflow']['start']>;
  processOf(kind: WorkerKind): ChildProcess;
  /** SIGKILL a worker and start another. */
  kill(kind: WorkerKind): Promise<void>;
  /** Process ids of trainers that the training worker has now. */
  trainers(): Promise<number[]>;
  stop(): Promise<void>;
};

/** Start the three workers and wait until they serve, in a namespace of the bucket's name. */
export async function startWorkers(services: Services, bucket: string): Promise<Workers> {
  const { s3 } = services;
  const temporal = await ownNamespace(services.temporal, bucket);
  const scratch = await mkdtemp(join(tmpdir(), 'fewlabels-test-scratch-'));
  const env = {
    ...process.env,
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_NAMESPACE: temporal.namespace,
    S3_ENDPOINT: s3.endpoint,
    S3_BUCKET: bucket,
    AWS_ACCESS_KEY_ID: s3.accessKey,
    AWS_SECRET_ACCESS_KEY: s3.secretKey,
    FEWLABELS_SCRATCH: scratch,
  };
  const processes = new Map<WorkerKind, ChildProcess>();
  let areToEnd = false;
  const launch = async (kind: WorkerKind) => {
    const entry = fileURLToPath(new URL(`../../workers/${kind}.ts`, import.meta.url));
    const child = spawn(process.execPath, ['--import', 'tsx', entry], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    processes.set(kind, child);
    child.once('exit', () => {
      if (processes.get(kind) === child && !areToEnd) launch(kind).catch(() => undefined); // as `fewlabels up` does
    });
    await untilReady(child);
  };
  await Promise.all(KINDS.map(launch)).catch((error: unknown) => {
    areToEnd = true;
    for (const child of processes.values()) child.kill('SIGKILL');
    throw error;
  });
  const connection = await Connection.connect({ address: temporal.address });
  const client = new Client({ connection, namespace: temporal.namespace });
  const start = (workflowId: string, recipe: unknown) =>
    client.workflow.start(WORKFLOW_TYPE, { workflowId, taskQueue: QUEUES.pipeline, args: [recipe] });
  const processOf = (kind: WorkerKind) => processes.get(kind) as ChildProcess;
  return {
    client,
    start,
    run: async (id, recipe) => (await start(id, recipe)).result() as Promise<RunResult>,
    async activitiesOf(id) {
      const { events } = await client.workflow.getHandle(id).fetchHistory();
      const names = (events ?? []).flatMap(({ activityTaskScheduledEventAttributes: scheduled }) => scheduled?.activityType?.name ?? []);
      return Object.fromEntries([...new Set(names)].map((name) => [name, names.filter((other) => other === name).length]));
    },
    async artifactsOf(stage) {
      const store = await openS3({ ...s3, bucket });
      const keys = await listed(store, `${STAGES[stage].prefix}/`);
      const finished = keys.filter((key) => /^[^/]+\/[0-9a-f]{32}\/manifest\.json$/.test(key)); // not those of checkpoints
      const texts = await Promise.all(finished.map((key) => store.get(key)));
      return { manifests: texts.map((text) => Manifest.parse(JSON.parse(String(text)))), forget: () => store.remove(keys) };
    },
    async emptyBucket() {
      const store = await openS3({ ...s3, bucket });
      await store.remove(await listed(store, ''));
    },
    processOf,
    async kill(kind) {
      const killed = processOf(kind);
      processes.delete(kind); // nobody else starts another one
      await ended(killed, 'SIGKILL');
      await launch(kind);
    },
    trainers: () => childrenOf(processOf('training')?.pid ?? 0),
    async stop() {
      areToEnd = true;
      await Promise.all([...processes.values()].map((child) => ended(child, 'SIGTERM')));
      await connection.close();
      await rm(scratch, { recursive: true, force: true });
    },
  };
}

async function untilReady(child: ChildProcess): Promise<void> {
  let said = '';
  const hear = (text: Buffer) => {
    said += text.toString();
  };
  child.stdout?.on('data', hear);
  child.stderr?.on('data', hear);
  const deadline = Date.now() + 180_000; // they compile their code, on a machine that may do much else
  while (!said.includes('ready')) {
    if (child.exitCode !== null || Date.now() > deadline) throw new Error(`Cannot test as a worker must get ready: ${said}`);
    await sleep(50);
  }
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = new Promise((resolve) => child.once('exit', resolve));
  child.kill(signal);
  await exit;
}

/** Trainers among the children of a process. */
async function childrenOf(pid: number): Promise<number[]> {
  const listed = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  const pids = listed.split(' ').filter(Boolean).map(Number);
  const lines = await Promise.all(pids.map((child) => readFile(`/proc/${child}/cmdline`, 'utf8').catch(() => '')));
  return pids.filter((_, i) => lines[i]?.includes('trainer.ts'));
}
