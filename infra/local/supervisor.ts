/**
 * The supervisor of a data folder: `node --import tsx infra/local/supervisor.ts`, started by `ensureUp` in a session of its own.
 * It starts servers and workers, starts again what dies, and ends them in good order on SIGTERM. One that was killed leaves its
 * processes running: the next one ends them before it starts its own. Its settings are its environment, or the one object on its
 * standard input, so that secrets show in no list of processes.
 */
import { text } from 'node:stream/consumers';
import { type Environment, readEnvironment } from '../../contracts/environment.ts';
import { type Services, servicesFromEnvironment } from '../../contracts/services.ts';
import { findServer, VERSIONS } from '../setup/tools.js';
import { serves, servicesAt } from './addresses.ts';
import { Child } from './child.ts';
import { minioServer, type Specific, temporalServer, workerProcess } from './children.ts';
import { codeFingerprint, ROOT } from './code.ts';
import { openHome, readCredentials } from './home.ts';
import { takeLock } from './lock.ts';
import { choosePorts, USUAL_PORTS } from './ports.ts';
import { end, identify } from './processes.ts';
import { CHILDREN, type ChildName, readRecord, SERVERS, type SupervisorRecord, writeRecord } from './record.ts';

/** Exit status when another supervisor has the data folder. */
const SECOND = 3;
/** A training worker hands its segment over in this time. */
const WORKER_GRACE_MS = 20_000;
const SERVER_GRACE_MS = 10_000;

const say = (line: string) => process.stderr.write(`${new Date().toISOString()} ${line}\n`);
const children: Child[] = [];

try {
  await supervise(readEnvironment(await settings()));
} catch (error) {
  say(`✖ ${messageOf(error)}`);
  process.exit(1);
}

async function settings(): Promise<NodeJS.ProcessEnv> {
  const input = process.stdin.isTTY ? '' : await text(process.stdin);
  return input.trim() === '' ? process.env : JSON.parse(input);
}

async function supervise(environment: Environment): Promise<void> {
  const home = await openHome(environment);
  if (!(await takeLock(home))) {
    say(`Cannot supervise "${home}" as one supervisor at a time must: another one does`);
    process.exit(SECOND);
  }
  const previous = await readRecord(home);
  const record: SupervisorRecord = {
    supervisor: identify(process.pid) ?? { pid: process.pid, started: '' },
    state: 'starting',
    since: new Date().toISOString(),
    root: ROOT,
    code: codeFingerprint(),
    serves: serves(environment),
    ports: previous?.ports ?? USUAL_PORTS,
    children: previous?.children ?? {},
  };
  const save = () => writeRecord(home, record);
  save();
  await endLeftovers(record);
  record.children = {};
  record.ports = await choosePorts(record.ports);
  save();
  listenToSignals(record, save);
  try {
    await startAll(environment, home, record, save);
    record.state = 'ready';
    say(`ready: ${record.serves}`);
    save();
  } catch (error) {
    record.problem = messageOf(error);
    await stopAll();
    record.state = 'failed';
    save();
    throw error;
  }
}

/** Processes of a supervisor that was killed: workers first, then servers. */
async function endLeftovers({ children }: SupervisorRecord): Promise<void> {
  const left = (names: readonly ChildName[]) => names.map((name) => children[name]?.process);
  await end(left(CHILDREN.filter((name) => !SERVERS.includes(name))), WORKER_GRACE_MS);
  await end(left(SERVERS), SERVER_GRACE_MS);
}

/** Servers side by side, then workers. Only a server that will not start is a reason to give up. */
async function startAll(environment: Environment, home: string, record: SupervisorRecord, save: () => void): Promise<void> {
  const credentials = await readCredentials(home, { create: true });
  if (credentials === undefined) throw new Error('Cannot start MinIO as it must have credentials: none could be made');
  const services = servicesAt(environment, record.ports, credentials);
  const env: NodeJS.ProcessEnv = { ...process.env, ...environment };
  const launch = (specific: Specific): Promise<void> => {
    const child = new Child({
      ...specific,
      home,
      cwd: ROOT,
      onChange: (name, state) => {
        if (state.state !== record.children[name]?.state)
          say(`${name}: ${state.state}${state.process ? ` (process ${state.process.pid})` : ''}`);
        record.children[name] = state;
        save();
      },
    });
    children.push(child);
    return child.start();
  };
  const external = servicesFromEnvironment(environment);
  const place = { home, ports: record.ports, services, env };
  await Promise.all([
    external.temporal ? undefined : binary('temporal').then((file) => launch(temporalServer({ ...place, file }))),
    external.s3 ? undefined : binary('minio').then((file) => launch(minioServer({ ...place, file }, credentials))),
  ]);
  await startWorkers(services, env, launch);
}

async function startWorkers(services: Services, env: NodeJS.ProcessEnv, launch: (specific: Specific) => Promise<void>): Promise<void> {
  const workers = (['pipeline', 'data', 'training'] as const).map((name) => launch(workerProcess(name, { services, env })));
  for (const result of await Promise.allSettled(workers)) {
    if (result.status === 'rejected') say(messageOf(result.reason)); // it goes on trying, and the record says so
  }
}

async function binary(name: 'temporal' | 'minio'): Promise<string> {
  const found = await findServer(name, process.env);
  if (found) return found.file;
  throw new Error(
    `Cannot start ${name} as it must be on the PATH or built by set-up (${VERSIONS[name]}): run \`npm run setup\` in "${ROOT}"`,
  );
}

/** SIGTERM and its like stop everything; SIGUSR2 says: try again now what has failed. */
function listenToSignals(record: SupervisorRecord, save: () => void): void {
  const stop = async (name: NodeJS.Signals) => {
    if (record.state === 'stopping') return;
    say(`${name}: stopping`);
    record.state = 'stopping';
    save();
    await stopAll();
    record.state = 'stopped';
    save();
    say('stopped');
    process.exit(0);
  };
  for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(name, () => void stop(name));
  process.on('SIGUSR2', () => {
    for (const child of children) child.retry();
  });
}

async function stopAll(): Promise<void> {
  const isServer = (child: Child) => SERVERS.includes(child.name);
  await Promise.all(children.filter((child) => !isServer(child)).map((child) => child.stop(WORKER_GRACE_MS)));
  await Promise.all(children.filter(isServer).map((child) => child.stop(SERVER_GRACE_MS)));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
