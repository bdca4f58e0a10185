/**
 * One real MinIO and one real Temporal server for a whole test run, on free ports and with their data in a temporary folder. They
 * start when one of the chosen test files says `inject('services')`.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type Server as NetServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import type {} from 'vitest';
import type { TestProject } from 'vitest/node';
import { NAMESPACE, SEARCH_ATTRIBUTES } from '../contracts/queues.ts';
import type { S3Access, Services, TemporalAccess } from '../contracts/services.ts';
import { prepareTemporal } from '../infra/local/temporal.ts';
import { findServer } from '../infra/setup/tools.js';
import { announceSampleData } from './sample-data.ts';

declare module 'vitest' {
  interface ProvidedContext {
    services: Services;
  }
}

const GRPC_ALREADY_EXISTS = 6;

const [LOWEST_PORT, PORTS] = [20_000, 12_000];

/** One that can be ended in any way and started again: at the same address, with what it had written. */
export type Server = {
  /** Resolves when it answers. */
  start(): Promise<void>;
  end(signal: NodeJS.Signals): Promise<void>;
  /** The process there is, or the last there was. */
  process(): ChildProcess | undefined;
};
type ServerName = 'minio' | 'temporal';
/** `folder`: of their data and logs. */
export type Servers = { services: Services; servers: Record<ServerName, Server>; folder: string; stop(): Promise<void> };

export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  announceSampleData();
  if (!(await servicesAreWanted(project))) return undefined;
  const { services, stop } = await openServers();
  project.provide('services', services);
  return stop;
}

/**
 * MinIO and Temporal.
 * @param settings  of Temporal, such as `limit.historyCount.suggestContinueAsNew=60`
 * @param isKept  whether Temporal has its data on the disk, in `temporal.db` of their folder, and hence again after its end
 */
export async function openServers(settings: string[] = [], isKept = false): Promise<Servers> {
  const started: Partial<Record<ServerName, Server>> = {};
  const { s3, temporal, folder, stop } = await open(started, {
    s3: startMinio,
    temporal: (folder, servers) => startTemporal(folder, servers, settings, isKept),
  });
  return { services: { s3, temporal }, servers: started as Record<ServerName, Server>, folder, stop };
}

/** A Temporal server alone. */
export async function openTemporal(settings: string[] = []): Promise<{ temporal: TemporalAccess; stop(): Promise<void> }> {
  return open<{ temporal: TemporalAccess }>({}, { temporal: (folder, servers) => startTemporal(folder, servers, settings, false) });
}

/** A namespace of its own, as test files run side by side: workers of one namespace take each other's work. */
export async function ownNamespace({ address }: TemporalAccess, name: string): Promise<TemporalAccess> {
  const connection = await Connection.connect({ address });
  const retention = { seconds: 24 * 3600 } as never; // protobufjs takes plain numbers
  await connection.workflowService.registerNamespace({ namespace: name, workflowExecutionRetentionPeriod: retention }).catch(orExists);
  await connection.close();
  const own = { address, namespace: name };
  for (const deadline = Date.now() + 60_000; ; await sleep(200)) {
    const problem = await prepareTemporal(own, { retain: false }).catch((error: unknown) => error); // it takes a while to be known
    if (problem === undefined) return own;
    if (Date.now() > deadline) throw problem;
  }
}

function orExists(error: { code?: number }): void {
  if (error.code !== GRPC_ALREADY_EXISTS) throw error;
}

type Started = Partial<Record<ServerName, Server>>;
type Starts<T> = { [Name in keyof T]: (folder: string, servers: Started) => Promise<T[Name]> };

async function open<T extends object>(servers: Started, starts: Starts<T>): Promise<T & { folder: string; stop(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'fewlabels-servers-'));
  const killAll = () => Object.values(servers).forEach((server) => void server.process()?.kill('SIGKILL'));
  process.on('exit', killAll);
  const stop = async () => {
    await Promise.all(Object.values(servers).map((server) => server.end('SIGTERM')));
    process.off('exit', killAll);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const started = Object.entries(starts as Starts<Record<string, unknown>>).map(async ([name, start]) => [
      name,
      await start(folder, servers),
    ]);
    return { ...(Object.fromEntries(await Promise.all(started)) as T), folder, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function servicesAreWanted(project: TestProject): Promise<boolean> {
  // The filters of the command line are not in vitest's types; without them every test file counts as chosen.
  const filters: unknown = 'filenamePattern' in project.vitest ? project.vitest.filenamePattern : undefined;
  const { testFiles } = await project.globTestFiles(Array.isArray(filters) ? filters : undefined);
  const texts = await Promise.all(testFiles.map((file) => readFile(file, 'utf8')));
  return texts.some((text) => text.includes("inject('services')"));
}

async function startMinio(folder: string, servers: Started): Promise<S3Access> {
  const [port, console] = await freePorts(2);
  const secretKey = randomBytes(16).toString('hex');
  const data = join(folder, 'minio');
  await mkdir(data);
  const environment = { MINIO_ROOT_USER: 'fewlabels', MINIO_ROOT_PASSWORD: secretKey, MINIO_BROWSER: 'off' };
  const args = ['server', data, '--address', `127.0.0.1:${port}`, '--console-address', `127.0.0.1:${console}`];
  const endpoint = `http://127.0.0.1:${port}`;
  servers.minio = serverOf('minio', args, environment, folder, async () => (await fetch(`${endpoint}/minio/health/ready`)).ok);
  await servers.minio.start();
  return { endpoint, bucket: 'fewlabels', accessKey: 'fewlabels', secretKey, region: 'us-east-1' };
}

async function startTemporal(folder: string, servers: Started, settings: string[], isKept: boolean): Promise<TemporalAccess> {
  const [port, http, metrics] = await freePorts(3);
  const ports = ['--ip', '127.0.0.1', '--port', String(port), '--http-port', String(http), '--metrics-port', String(metrics)];
  const attributes = Object.entries(SEARCH_ATTRIBUTES).flatMap(([name, type]) => ['--search-attribute', `${name}=${type}`]);
  const dynamic = settings.flatMap((setting) => ['--dynamic-config-value', setting]);
  const file = isKept ? ['--db-filename', join(folder, 'temporal.db')] : [];
  const args = [
    'server',
    'start-dev',
    '--headless',
    '--log-level',
    'error',
    '--namespace',
    NAMESPACE,
    ...ports,
    ...attributes,
    ...dynamic,
    ...file,
  ];
  const address = `127.0.0.1:${port}`;
  servers.temporal = serverOf('temporal', args, {}, folder, async () => {
    const connection = await Connection.connect({ address, connectTimeout: '2s' });
    await connection.workflowService.describeNamespace({ namespace: NAMESPACE }).finally(() => connection.close());
    return true;
  });
  await servers.temporal.start();
  return { address, namespace: NAMESPACE };
}

function serverOf(
  name: ServerName,
  args: string[],
  environment: Record<string, string>,
  folder: string,
  isReady: () => Promise<boolean>,
): Server {
  const log = join(folder, `${name}.log`);
  let child: ChildProcess | undefined;
  return {
    process: () => child,
    async start() {
      const output = openSync(log, 'a');
      child = spawn(await binary(name), args, { env: { ...process.env, ...environment }, stdio: ['ignore', output, output] });
      closeSync(output);
      await untilReady(name, child, log, isReady);
    },
    end: async (signal) => child && endProcess(child, signal),
  };
}

async function binary(name: ServerName): Promise<string> {
  const found = await findServer(name, process.env);
  if (found === undefined) throw new Error(`Cannot run these tests as they need a ${name} server: run \`npm run setup\``);
  return found.file;
}

async function untilReady(name: ServerName, child: ChildProcess, log: string, isReady: () => Promise<boolean>): Promise<void> {
  let problem: unknown;
  child.once('error', (error) => (problem = error));
  const deadline = Date.now() + 300_000; // generous: machines are busy
  while (Date.now() < deadline && child.exitCode === null && child.pid !== undefined) {
    const ready = await isReady().catch((error: unknown) => {
      problem = error;
      return false;
    });
    if (ready) return;
    await sleep(100);
  }
  const said = (await readFile(log, 'utf8').catch(() => '')).trim().split('\n').slice(-10).join('\n');
  throw new Error(`Cannot run tests as a ${name} server must start: ${String(problem)}\n${said}`);
}

/** With a signal; SIGKILL where that does not do. */
export async function endProcess(child: ChildProcess, signal: NodeJS.Signals, patience = 5_000): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill(signal);
  const insist = setTimeout(() => child.kill('SIGKILL'), patience);
  await ended;
  clearTimeout(insist);
}

/**
 * Held open together, so that they differ. They lie below those that connections take for themselves: a server that is away for a while shall
 * find its own free again.
 */
async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  const holders: NetServer[] = [];
  while (ports.length < count) {
    const port = LOWEST_PORT + randomInt(PORTS);
    const holder = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      holder.once('error', () => resolve(false));
      holder.listen({ port, host: '127.0.0.1', exclusive: true }, () => resolve(true));
    });
    if (!isFree) continue;
    holders.push(holder);
    ports.push(port);
  }
  await Promise.all(holders.map((holder) => new Promise((resolve) => holder.close(resolve))));
  return ports;
}
