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
import { endProcess, ownNamespace } from '../servers.ts';

export const WORKFLOWS = fileURLToPath(new URL('../../workflows/index.ts', import.meta.url));

/** A run of a few seconds through every stage. Its views keep their colours, as each order of colour operations would be compiled by each worker. */
export const TINY: RecipeInput = {
  name: 'tiny',
  images: { train: { generated: 'shapes', perClass: 30 }, size: 16 },
  views: { jitter: 0 },
  labels: { fractions: [0.2, 1] },
  encoder: { width: 0.0625 },
  pretrain: { epochs: 4, batch: 16, segmentEpochs: 2 },
  finetune: { epochs: 2, atLeastSteps: 10, batch: 16 },
  distill: { epochs: 2, batch: 16 },
  compute: { threads: 1, checkpointSeconds: 1 },
};
/** One of each kind, and further ones by number. */
export type WorkerName = WorkerKind | `${WorkerKind} ${number}`;

/** What a worker may take to start on a busy machine, and to end: more than its own grace. */
const [START_MS, STOP_MS] = [600_000, 30_000];
const LOG_KEPT = 10_000;

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
  processOf(name: WorkerName): ChildProcess;
  /** Start a worker: another one, or one in the place of one that has ended. Resolves when it serves. */
  launch(name: WorkerName): Promise<void>;
  /** Those that ended by themselves and were started again: which, and how. */
  restarts: string[];
  end(name: WorkerName, signal: NodeJS.Signals): Promise<void>;
  /** SIGKILL a worker and start another. */
  kill(name: WorkerName): Promise<void>;
  /** Process ids of trainers that a training worker has now. */
  trainers(name?: WorkerName): Promise<number[]>;
  /** Where trainers work. */
  scratch: string;
  stop(): Promise<void>;
};

/**
 * Start the workers and wait until they serve, in a namespace of the bucket's name. One that ends by itself is started again, as `fewlabels up` does.
 * @param names  one of each kind where they are missing
 * @param settings  further variables of their environment; with FEWLABELS_SCRATCH the folder is the caller's
 */
export async function startWorkers(
  services: Services,
  bucket: string,
  names: WorkerName[] = ['pipeline', 'data', 'training'],
  settings: Record<string, string> = {},
): Promise<Workers> {
  const { s3 } = services;
  const temporal = await ownNamespace(services.temporal, bucket);
  const scratch = settings.FEWLABELS_SCRATCH ?? (await mkdtemp(join(tmpdir(), 'fewlabels-test-scratch-')));
  const env = {
    ...process.env,
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_NAMESPACE: temporal.namespace,
    S3_ENDPOINT: s3.endpoint,
    S3_BUCKET: bucket,
    AWS_ACCESS_KEY_ID: s3.accessKey,
    AWS_SECRET_ACCESS_KEY: s3.secretKey,
    FEWLABELS_SCRATCH: scratch,
    ...settings,
  };
  const processes = new Map<WorkerName, ChildProcess>();
  const wanted = new Set<WorkerName>();
  const restarts: string[] = [];
  const launch = async (name: WorkerName) => {
    const entry = fileURLToPath(new URL(`../../workers/${name.split(' ')[0]}.ts`, import.meta.url));
    const child = spawn(process.execPath, ['--import', 'tsx', entry], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    processes.set(name, child);
    wanted.add(name);
    child.once('exit', (status, signal) => {
      if (processes.get(name) !== child || !wanted.has(name)) return;
      restarts.push(`${name} ended by itself: ${signal ?? status}`);
      launch(name).catch(() => undefined); // it ends, too, and comes here again
    });
    await untilReady(name, child);
  };
  const killAll = () => processes.forEach((child) => void child.kill('SIGKILL'));
  process.on('exit', killAll);
  const stop = async () => {
    wanted.clear();
    await Promise.all([...processes.values()].map((child) => endProcess(child, 'SIGTERM', STOP_MS)));
    process.off('exit', killAll);
    if (!settings.FEWLABELS_SCRATCH) await rm(scratch, { recursive: true, force: true });
  };
  await Promise.all(names.map(launch)).catch(async (error) => {
    await stop();
    throw error;
  });
  const connection = await Connection.connect({ address: temporal.address });
  const client = new Client({ connection, namespace: temporal.namespace });
  const start = (workflowId: string, recipe: unknown) =>
    client.workflow.start(WORKFLOW_TYPE, { workflowId, taskQueue: QUEUES.pipeline, args: [recipe] });
  const processOf = (name: WorkerName) => processes.get(name) as ChildProcess;
  const end = (name: WorkerName, signal: NodeJS.Signals) => {
    wanted.delete(name);
    return endProcess(processOf(name), signal, STOP_MS);
  };
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
    launch,
    restarts,
    end,
    async kill(name) {
      await end(name, 'SIGKILL');
      await launch(name);
    },
    trainers: (name = 'training') => childrenOf(processOf(name).pid ?? 0),
    scratch,
    async stop() {
      await stop();
      await connection.close();
    },
  };
}

async function untilReady(name: WorkerName, child: ChildProcess): Promise<void> {
  let said = '';
  const hear = (text: Buffer) => {
    said = (said + text.toString()).slice(-LOG_KEPT);
  };
  child.stdout?.on('data', hear);
  child.stderr?.on('data', hear);
  const deadline = Date.now() + START_MS;
  while (!said.includes('ready')) {
    const isGone = child.exitCode !== null || child.signalCode !== null;
    if (isGone || Date.now() > deadline) throw new Error(`Cannot test as a ${name} worker must get ready: ${said}`);
    await sleep(50);
  }
}

/** Trainers among the children of a process. */
async function childrenOf(pid: number): Promise<number[]> {
  const listed = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  const pids = listed.split(' ').filter(Boolean).map(Number);
  const lines = await Promise.all(pids.map((child) => readFile(`/proc/${child}/cmdline`, 'utf8').catch(() => '')));
  return pids.filter((_, i) => lines[i]?.includes('trainer.ts'));
}
