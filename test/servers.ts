/**
 * One real MinIO and one real Temporal server for a whole test run, on free ports and with their data in a temporary folder. They
 * start when one of the chosen test files says `inject('services')`.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import type {} from 'vitest';
import type { TestProject } from 'vitest/node';
import { NAMESPACE, SEARCH_ATTRIBUTES } from '../contracts/queues.ts';
import type { S3Access, Services, TemporalAccess } from '../contracts/services.ts';
import { findServer } from '../infra/setup/tools.js';
import { announceSampleData } from './sample-data.ts';

declare module 'vitest' {
  interface ProvidedContext {
    services: Services;
  }
}

/** A second one, as test files run side by side: workers of one namespace take each other's work. */
export const LABELS_NAMESPACE = `${NAMESPACE}-labels`;

type Server = { name: string; child: ChildProcess; log: string };

export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  announceSampleData();
  if (!(await servicesAreWanted(project))) return undefined;
  const { services, stop } = await openServers();
  project.provide('services', services);
  return stop;
}

export type Servers = { services: Services /** Of their data and logs. */; folder: string; stop(): Promise<void> };

/**
 * MinIO and Temporal.
 * @param settings  of Temporal, such as `limit.historyCount.suggestContinueAsNew=60`
 * @param database  whether Temporal keeps all in a file of their folder, `temporal.db`, instead of in memory
 */
export async function openServers(settings: string[] = [], { database = false } = {}): Promise<Servers> {
  const { s3, temporal, folder, stop } = await open({
    s3: startMinio,
    temporal: (folder, servers) => startTemporal(folder, servers, settings, database),
  });
  return { services: { s3, temporal }, folder, stop };
}

/** A Temporal server alone. */
export async function openTemporal(settings: string[] = []): Promise<{ temporal: TemporalAccess; stop(): Promise<void> }> {
  return open<{ temporal: TemporalAccess }>({ temporal: (folder, servers) => startTemporal(folder, servers, settings) });
}

type Starts<T> = { [Name in keyof T]: (folder: string, servers: Server[]) => Promise<T[Name]> };

async function open<T extends object>(starts: Starts<T>): Promise<T & { folder: string; stop(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'fewlabels-servers-'));
  const servers: Server[] = [];
  const killAll = () => servers.forEach(({ child }) => void child.kill('SIGKILL'));
  process.on('exit', killAll);
  const stop = async () => {
    await Promise.all(servers.map(stopServer));
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

async function startMinio(folder: string, servers: Server[]): Promise<S3Access> {
  const [port, console] = await freePorts(2);
  const secretKey = randomBytes(16).toString('hex');
  const data = join(folder, 'minio');
  await mkdir(data);
  const environment = { MINIO_ROOT_USER: 'fewlabels', MINIO_ROOT_PASSWORD: secretKey, MINIO_BROWSER: 'off' };
  const args = ['server', data, '--address', `127.0.0.1:${port}`, '--console-address', `127.0.0.1:${console}`];
  const server = await start('minio', args, environment, folder, servers);
  const endpoint = `http://127.0.0.1:${port}`;
  await untilReady(server, async () => (await fetch(`${endpoint}/minio/health/ready`)).ok);
  return { endpoint, bucket: 'fewlabels', accessKey: 'fewlabels', secretKey, region: 'us-east-1' };
}

async function startTemporal(folder: string, servers: Server[], settings: string[] = [], database = false): Promise<TemporalAccess> {
  const [port, http, metrics] = await freePorts(3);
  const ports = ['--ip', '127.0.0.1', '--port', String(port), '--http-port', String(http), '--metrics-port', String(metrics)];
  const namespaces = [NAMESPACE, LABELS_NAMESPACE].flatMap((name) => ['--namespace', name]);
  const attributes = Object.entries(SEARCH_ATTRIBUTES).flatMap(([name, type]) => ['--search-attribute', `${name}=${type}`]);
  const dynamic = settings.flatMap((setting) => ['--dynamic-config-value', setting]);
  const args = ['server', 'start-dev', '--headless', '--log-level', 'error', ...namespaces, ...ports, ...attributes, ...dynamic];
  if (database) args.push('--db-filename', join(folder, 'temporal.db'));
  const server = await start('temporal', args, {}, folder, servers);
  const address = `127.0.0.1:${port}`;
  await untilReady(server, async () => {
    const connection = await Connection.connect({ address, connectTimeout: '2s' });
    await connection.workflowService.describeNamespace({ namespace: NAMESPACE }).finally(() => connection.close());
    return true;
  });
  return { address, namespace: NAMESPACE };
}

async function start(
  name: 'minio' | 'temporal',
  args: string[],
  environment: Record<string, string>,
  folder: string,
  servers: Server[],
): Promise<Server> {
  const log = join(folder, `${name}.log`);
  const output = openSync(log, 'a');
  const child = spawn(await binary(name), args, { env: { ...process.env, ...environment }, stdio: ['ignore', output, output] });
  closeSync(output);
  const server = { name, child, log };
  servers.push(server);
  return server;
}

async function binary(name: 'minio' | 'temporal'): Promise<string> {
  const found = await findServer(name, process.env);
  if (found === undefined) throw new Error(`Cannot run these tests as they need a ${name} server: run \`npm run setup\``);
  return found.file;
}

async function untilReady({ name, child, log }: Server, isReady: () => Promise<boolean>): Promise<void> {
  let problem: unknown;
  child.once('error', (error) => (problem = error));
  const deadline = Date.now() + 60_000;
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

async function stopServer({ child }: Server): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const insist = setTimeout(() => child.kill('SIGKILL'), 5_000);
  await ended;
  clearTimeout(insist);
}

/** Held open together, so that they differ. */
async function freePorts(count: number): Promise<number[]> {
  const holders = await Promise.all(
    Array.from({ length: count }, async () => {
      const holder = createServer();
      await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
      return holder;
    }),
  );
  const ports = holders.map((holder) => {
    const address = holder.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  });
  await Promise.all(holders.map((holder) => new Promise((resolve) => holder.close(resolve))));
  return ports;
}
