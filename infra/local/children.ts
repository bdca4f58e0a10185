/** The processes of a data folder: two servers, unless the environment names others, and three workers. */
import { join } from 'node:path';
import { SEARCH_ATTRIBUTES, type WorkerKind } from '../../contracts/queues.ts';
import { type Services, variablesOf } from '../../contracts/services.ts';
import { openS3 } from '../../store/s3.ts';
import type { ChildSettings } from './child.ts';
import type { Credentials } from './home.ts';
import { readSince } from './logs.ts';
import { HOST, listens } from './ports.ts';
import type { Ports } from './record.ts';
import { prepareTemporal } from './temporal.ts';

/** A child but for what the supervisor adds. */
export type Specific = Omit<ChildSettings, 'home' | 'cwd' | 'onChange'>;
type ServerPlace = { home: string; file: string; ports: Ports; services: Services; env: NodeJS.ProcessEnv };

/** Where `fewlabels codec` listens when it is not told otherwise. */
const CODEC_ENDPOINT = `http://${HOST}:8081`;

/** What a server may see of the environment: settings meant for another Temporal or MinIO must not reach it. */
const forServers = ({ PATH, HOME, LANG, TMPDIR }: NodeJS.ProcessEnv): NodeJS.ProcessEnv => ({ PATH, HOME, LANG, TMPDIR });

/** A Temporal development server with its web interface; everything it knows is in one SQLite file. */
export function temporalServer({ home, file, ports, services, env }: ServerPlace): Specific {
  const { namespace } = services.temporal;
  const attributes = Object.entries(SEARCH_ATTRIBUTES).flatMap(([name, type]) => ['--search-attribute', `${name}=${type}`]);
  const network = ['--ip', HOST, '--port', String(ports.temporal), '--ui-port', String(ports.ui)];
  const database = ['--db-filename', join(home, 'temporal.db'), '--namespace', namespace];
  const isEncrypted = env.FEWLABELS_CODEC_KEY !== undefined || env.FEWLABELS_CODEC_KEY_FILE !== undefined;
  const codec = isEncrypted ? ['--ui-codec-endpoint', CODEC_ENDPOINT] : [];
  return {
    name: 'temporal',
    command: file,
    args: ['server', 'start-dev', ...network, ...database, ...attributes, ...codec, '--log-level', 'warn'],
    env: forServers(env),
    isReady: async () => {
      if (!(await listens(ports.temporal))) return false; // gRPC itself would wait a second before it tries again
      await prepareTemporal(services.temporal, { retain: true });
      return true;
    },
    isAlive: () => answered(`http://${HOST}:${ports.ui}/`), // of the same process
  };
}

/** A MinIO on one folder, with its web console. */
export function minioServer({ home, file, ports, services, env }: ServerPlace, { accessKey, secretKey }: Credentials): Specific {
  const network = ['--address', `${HOST}:${ports.minio}`, '--console-address', `${HOST}:${ports.console}`];
  return {
    name: 'minio',
    command: file,
    args: ['server', join(home, 'minio'), ...network],
    env: { ...forServers(env), MINIO_ROOT_USER: accessKey, MINIO_ROOT_PASSWORD: secretKey, MINIO_UPDATE: 'off' },
    isReady: async () => {
      const answer = await fetch(`${services.s3.endpoint}/minio/health/ready`);
      if (!answer.ok) return false;
      await openS3(services.s3); // makes the bucket
      return true;
    },
    isAlive: () => answered(`${services.s3.endpoint}/minio/health/live`),
  };
}

/** Any answer will do: what it says is not about the process. */
async function answered(address: string): Promise<void> {
  await (await fetch(address, { signal: AbortSignal.timeout(15_000) })).body?.cancel();
}

/** A worker: the same entry point as on a cluster, told by its environment where the servers are. */
export function workerProcess(name: WorkerKind, { services, env }: Pick<ServerPlace, 'services' | 'env'>): Specific {
  return {
    name,
    command: process.execPath,
    args: ['--import', 'tsx', `workers/${name}.ts`],
    env: { ...env, ...variablesOf(services), FEWLABELS_LOG: env.FEWLABELS_LOG === 'debug' ? 'debug' : 'info' }, // it says `ready` at level info
    isHumble: name === 'data', // views are made while the next process trains
    isReady: (log) => /\bready: /.test(readSince(log)),
  };
}
