/**
 * The embedded servers and workers of a data folder, as the command line sees them. They belong to a detached supervisor, which
 * outlives the command; servers named in the environment are used instead of embedded ones, with workers of our own all the same.
 */
import type { Environment } from '../../contracts/environment.ts';
import { type Services, servicesFromEnvironment } from '../../contracts/services.ts';
import { openS3 } from '../../store/s3.ts';
import { connectionOptions, settingToBlame } from '../temporal/connection.ts';
import { serves, servicesAt } from './addresses.ts';
import { homeFolder, openHome, readCredentials } from './home.ts';
import { logFile } from './logs.ts';
import { end, isRunning } from './processes.ts';
import { CHILDREN, type ChildName, type ChildRecord, readRecord, type SupervisorRecord } from './record.ts';
import { runningRecord, untilReady } from './starting.ts';
import { prepareTemporal } from './temporal.ts';

/** Workers, then servers, each with their grace. */
const STOP_MS = 30_000;

/**
 * The servers and workers, started when they are not up: afterwards Temporal has the namespace, the bucket is there, and three
 * workers are polling. Called twice at once, it starts one supervisor.
 * @param onLine told what is being waited for
 * @throws Error with one message when the data folder, a server or a worker does not do
 */
export async function ensureUp(environment: Environment, onLine: (line: string) => void = () => undefined): Promise<Services> {
  await checkNamedServers(environment);
  const home = await openHome(environment);
  const { ports } = await untilReady(home, environment, onLine);
  return servicesAt(environment, ports, await readCredentials(home, { create: false }));
}

/** The servers when they are up, without starting any: those named in the environment, or those of a supervisor that is ready. */
export async function findServices(environment: Environment): Promise<Services | undefined> {
  const { temporal, s3 } = servicesFromEnvironment(environment);
  if (temporal && s3) return { temporal, s3 };
  const home = homeFolder(environment);
  const record = await runningRecord(home);
  if (record?.state !== 'ready' || record.serves !== serves(environment)) return undefined;
  return servicesAt(environment, record.ports, await readCredentials(home, { create: false }));
}

/** Stop workers, then servers; what they did not finish goes on when they are up again. @returns false when nothing was up */
export async function down(environment: Environment): Promise<boolean> {
  const record = await readRecord(homeFolder(environment));
  if (record === undefined) return false;
  const wasUp = isRunning(record.supervisor);
  if (wasUp) await end([record.supervisor], STOP_MS);
  // A supervisor that was killed, now or before, leaves its children.
  const left = Object.values((await readRecord(homeFolder(environment)))?.children ?? {}).map((child) => child.process);
  const someLeft = left.some(isRunning);
  if (someLeft) await end(left, STOP_MS);
  return wasUp || someLeft;
}

export type Status = {
  home: string;
  state: SupervisorRecord['state'] | 'down';
  problem?: string;
  supervisor?: { pid: number; since: string; code: string; serves: string };
  temporal?: string;
  ui?: string;
  s3?: string;
  console?: string;
  processes: { name: ChildName; pid?: number; state: ChildRecord['state']; restarts: number; log: string; problem?: string }[];
};

/** What runs of a data folder, as `fewlabels doctor` tells it. */
export async function status(environment: Environment): Promise<Status> {
  const home = homeFolder(environment);
  const record = await readRecord(home);
  if (record === undefined) return { home, state: 'down', processes: [] };
  const isUp = isRunning(record.supervisor);
  const services = isUp
    ? servicesAt(environment, record.ports, (await readCredentials(home, { create: false })) ?? { accessKey: '', secretKey: '' })
    : undefined;
  return {
    home,
    state: isUp || record.state === 'failed' ? record.state : 'down',
    problem: record.problem,
    supervisor: isUp ? { pid: record.supervisor.pid, since: record.since, code: record.root, serves: record.serves } : undefined,
    temporal: services?.temporal.address,
    ui: services?.temporal.ui,
    s3: services?.s3.endpoint,
    console: services?.console,
    processes: CHILDREN.flatMap((name) => {
      const child = record.children[name];
      const pid = isRunning(child?.process) ? child?.process?.pid : undefined;
      return child
        ? [{ name, pid, state: pid ? child.state : 'stopped', restarts: child.restarts, log: logFile(home, name), problem: child.problem }]
        : [];
    }),
  };
}

/** Servers of the user's: told at once when they do not do, rather than in the log of a worker. */
async function checkNamedServers(environment: Environment): Promise<void> {
  const { temporal, s3 } = servicesFromEnvironment(environment);
  if (s3) await openS3(s3);
  if (!temporal) return;
  connectionOptions(temporal); // what is wrong with a certificate is not the server's
  await prepareTemporal(temporal, { retain: false }).catch(async (error: Error) => {
    const reason = (await settingToBlame(temporal, error)) ?? error.message;
    throw new Error(
      `Cannot use the Temporal server at ${temporal.address} as it must answer and have the namespace "${temporal.namespace}": ${reason}`,
    );
  });
}
