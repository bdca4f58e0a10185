/**
 * A world of its own for a test: servers and workers, each a real process that can be ended at any moment and started again where it was.
 * Temporal keeps its data on the disk, and between workers and MinIO stands a proxy that can make trouble.
 */
import type { ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { WorkflowFailedError, WorkflowNotFoundError } from '@temporalio/client';
import { OPEN_RUNS } from '../../cli/watch.ts';
import { STAGES } from '../../contracts/artifacts.ts';
import type { RecipeInput } from '../../contracts/recipe.ts';
import type { RunResult } from '../../contracts/scores.ts';
import type { Services } from '../../contracts/services.ts';
import { openS3 } from '../../store/s3.ts';
import { listed, type Store } from '../../store/store.ts';
import { openServers } from '../servers.ts';
import { type FaultyProxy, openFaultyProxy, type Weather } from '../store/faulty-proxy.ts';
import { startWorkers, type WorkerName, type Workers } from '../workflows/workers.ts';

export type ServerPart = 'temporal' | 'minio';
export type Part = ServerPart | WorkerName;

export type World = {
  workers: Workers;
  proxy: FaultyProxy;
  services: Services;
  /** Of the servers' data and logs. */
  folder: string;
  /** The bucket, without the proxy. */
  store: Store;
  processOf(part: Part): ChildProcess | undefined;
  end(part: Part, signal?: NodeJS.Signals): Promise<void>;
  /** Start one that has ended. */
  start(part: Part): Promise<void>;
  /** Names of the workers. */
  parts: WorkerName[];
  /** The result of a run, however often its server is away meanwhile. */
  resultOf(id: string): Promise<RunResult>;
  run(id: string, recipe: RecipeInput): Promise<RunResult>;
  /** Activities of a run, and the attempts that they took. */
  effort(id: string): Promise<{ activities: number; attempts: number }>;
  /** After a test, however it ended: open all gates, start what has ended, end all runs and forget what they made, but for shards. */
  restore(): Promise<void>;
  stop(): Promise<void>;
};

/** @param workers  by name; one of each kind where it is missing @param settings  of the workers' environment */
export async function openWorld(
  options: { workers?: WorkerName[]; weather?: Weather; settings?: Record<string, string> } = {},
): Promise<World> {
  const { services, servers, folder, stop: stopServers } = await openServers([], true);
  const proxy = await openFaultyProxy(services.s3.endpoint);
  const s3 = { ...services.s3, endpoint: proxy.endpoint };
  const names = options.workers ?? ['pipeline', 'data', 'training'];
  const stopRest = async () => {
    await proxy.close();
    await stopServers();
  };
  try {
    const workers = await startWorkers({ ...services, s3 }, s3.bucket, names, options.settings);
    proxy.weather = options.weather;
    const store = await openS3(services.s3);
    const isServer = (part: Part): part is ServerPart => part in servers;
    const resultOf: World['resultOf'] = async (id) => {
      for (;;) {
        try {
          return (await workers.client.workflow.getHandle(id).result()) as RunResult;
        } catch (error) {
          if (error instanceof WorkflowFailedError) throw error;
          await sleep(1_000);
        }
      }
    };
    return {
      workers,
      proxy,
      services,
      folder,
      store,
      processOf: (part) => (isServer(part) ? servers[part].process() : workers.processOf(part)),
      end: (part, signal = 'SIGKILL') => (isServer(part) ? servers[part].end(signal) : workers.end(part, signal)),
      start: (part) => (isServer(part) ? servers[part].start() : workers.launch(part)),
      parts: names,
      resultOf,
      async run(id, recipe) {
        await workers.start(id, recipe);
        return resultOf(id);
      },
      async effort(id) {
        const { events = [] } = await workers.client.workflow.getHandle(id).fetchHistory();
        const tries = (events ?? []).flatMap(({ activityTaskStartedEventAttributes: started }) => (started ? [started.attempt ?? 1] : []));
        return { activities: tries.length, attempts: tries.reduce((sum, attempt) => sum + attempt, 0) };
      },
      async restore() {
        proxy.weather = undefined;
        proxy.openAll();
        for (const server of Object.values(servers)) if (isOver(server.process())) await server.start();
        for (const name of names) {
          if (isOver(workers.processOf(name))) await workers.launch(name);
          else workers.processOf(name).kill('SIGCONT');
        }
        const { workflow } = workers.client;
        for await (const { workflowId } of workflow.list({ query: OPEN_RUNS }))
          await workflow.getHandle(workflowId).terminate().catch(unlessOver);
        await store.remove((await listed(store, '')).filter((key) => !key.startsWith(`${STAGES.shards.prefix}/`)));
      },
      async stop() {
        proxy.weather = undefined;
        await workers.stop();
        await stopRest();
      },
    };
  } catch (error) {
    await stopRest();
    throw error;
  }
}

const isOver = (child?: ChildProcess): boolean => !child || child.exitCode !== null || child.signalCode !== null;

/** The list of open runs is a little late. */
function unlessOver(error: Error): void {
  if (!(error instanceof WorkflowNotFoundError)) throw error;
}
