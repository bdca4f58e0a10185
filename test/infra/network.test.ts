/**
 * Servers on a network, with everything on that can be: Temporal behind mTLS with an API key, S3 behind TLS with temporary keys, payloads encrypted.
 * One tiny run by the real command and its workers; then every place where it may have left a secret is searched. The tests build on each other.
 */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { Agent } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import proto from '@temporalio/proto';
import { AssumeRoleProvider } from 'minio/dist/esm/AssumeRoleProvider.mjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { openSession, type Session } from '../../cli/session.ts';
import { lookAt } from '../../cli/watch.ts';
import { readEnvironment } from '../../contracts/environment.ts';
import { QUEUES, WORKFLOW_TYPE, type WorkerKind } from '../../contracts/queues.ts';
import type { RecipeInput } from '../../contracts/recipe.ts';
import { findServer } from '../../infra/setup/tools.js';
import { codecOf, readKeys } from '../../infra/temporal/codec.ts';
import { fewlabels, type Said } from '../cli/command.ts';
import { end, startCommand } from '../cli/staying.ts';
import { openServers, type Servers } from '../servers.ts';
import { TINY } from '../workflows/workers.ts';
import { type Authority, makeAuthority, openTlsProxy, type TlsProxy } from './certificates.ts';
import { filesIn, filesWith } from './files-with.ts';

const PATIENCE_MS = 1_800_000;
/** As few trainings as there can be. */
const SMALLEST: RecipeInput = {
  ...TINY,
  labels: { fractions: [1] },
  pretrain: { epochs: 1, batch: 16 },
  finetune: { epochs: 1, atLeastSteps: 4, batch: 16 },
  distill: { epochs: 1, batch: 16 },
};
const TELLING = 'headLayers'; // a word of every recipe, and of nothing that Temporal may see
const SHOWN = { maxBuffer: 64 * 2 ** 20 };
const newKey = () => randomBytes(32).toString('base64');
const [KEY, OTHER_KEY] = [newKey(), newKey()];
const idOf = (key: string) => readKeys(readEnvironment({ FEWLABELS_CODEC_KEY: key }))[0]?.id ?? '';

let servers: Servers;
let folder: string;
const authorities: Authority[] = [];
const proxies: TlsProxy[] = [];
/** Of the servers themselves, in the clear. */
let plain: Record<string, string>;
/** Of the same servers by way of the network. */
let network: Record<string, string>;
let secrets: Record<string, string>;

beforeAll(async () => {
  servers = await openServers([], true);
  folder = await mkdtemp(join(tmpdir(), 'fewlabels-network-'));
  const { temporal, s3 } = servers.services;
  const ours = await makeAuthority('ours');
  authorities.push(ours);
  const [server, client] = [await ours.sign('server'), await ours.sign('client')];
  const portOf = (address: string) => Number(address.split(':').at(-1));
  const toTemporal = await openTlsProxy(portOf(temporal.address), server, { clients: ours.ca, protocols: ['h2'] });
  const toStore = await openTlsProxy(portOf(s3.endpoint), server, { protocols: ['http/1.1'] });
  proxies.push(toTemporal, toStore);
  const provider = new AssumeRoleProvider({ ...s3, stsEndpoint: s3.endpoint, transportAgent: new Agent(), durationSeconds: 12 * 3600 });
  const temporary = await provider.getCredentials();
  const apiKey = randomBytes(24).toString('hex');
  plain = {
    TEMPORAL_ADDRESS: temporal.address,
    S3_ENDPOINT: s3.endpoint,
    AWS_ACCESS_KEY_ID: s3.accessKey,
    AWS_SECRET_ACCESS_KEY: s3.secretKey,
  };
  network = {
    FEWLABELS_HOME: join(folder, 'home'),
    FEWLABELS_SCRATCH: join(folder, 'scratch'),
    FEWLABELS_LOG: 'debug',
    FEWLABELS_CODEC_KEY: KEY,
    TEMPORAL_ADDRESS: `127.0.0.1:${toTemporal.port}`,
    TEMPORAL_API_KEY: apiKey,
    TEMPORAL_TLS_SERVER_CA_CERT_PATH: ours.ca,
    TEMPORAL_TLS_CLIENT_CERT_PATH: client.cert,
    TEMPORAL_TLS_CLIENT_KEY_PATH: client.key,
    S3_ENDPOINT: `https://127.0.0.1:${toStore.port}`,
    AWS_CA_BUNDLE: ours.ca,
    AWS_ACCESS_KEY_ID: temporary.getAccessKey(),
    AWS_SECRET_ACCESS_KEY: temporary.getSecretKey(),
    AWS_SESSION_TOKEN: temporary.getSessionToken() ?? '',
  };
  secrets = {
    'key of S3': temporary.getSecretKey(),
    'session token': temporary.getSessionToken() ?? '',
    'key of MinIO': s3.secretKey,
    'API key': apiKey,
    'codec key': KEY,
    'codec key, as bytes': Buffer.from(KEY, 'base64').toString('latin1'),
    'client’s private key': (await readFile(client.key, 'utf8')).split('\n')[1] ?? '',
  };
}, 120_000);

afterAll(async () => {
  if (folder) await fewlabels(['down'], network, folder);
  await Promise.all(proxies.map((proxy) => proxy.close()));
  await servers?.stop();
  for (const path of [folder, ...authorities.map((authority) => authority.folder)])
    if (path) await rm(path, { recursive: true, force: true });
}, 120_000);

const openWith = (variables: Record<string, string>): Promise<Session> =>
  openSession({ environment: readEnvironment(variables), terminal: { say: () => undefined } }, { start: false });

describe.sequential('servers on a network', () => {
  test('workers without the key: the run waits for those that have it, its status says which one, and it can be paused', {
    timeout: PATIENCE_MS,
  }, async () => {
    const environment = { ...plain, FEWLABELS_CODEC_KEY: KEY };
    const session = await openWith(environment);
    const run = 'waits-for-a-key';
    await session.client.workflow.start(WORKFLOW_TYPE, { workflowId: run, taskQueue: QUEUES.pipeline, args: [{ ...TINY, name: run }] });

    const blind = await startWorker('pipeline', { ...plain, FEWLABELS_CODEC_KEY: OTHER_KEY });
    const missing = `FEWLABELS_CODEC_KEY must have the key ${idOf(KEY)}: it has ${idOf(OTHER_KEY)}`;
    const stuck = () => lookAt(session, run).then((state) => state.stuck ?? state.status);
    await expect
      .poll(stuck, { timeout: 120_000, interval: 500 })
      .toMatch(new RegExp(`stands still, as a pipeline worker lacks a key.*${missing}`));
    await end(blind);

    const both = { ...environment, FEWLABELS_CODEC_KEY: `${KEY} ${OTHER_KEY}` };
    const readsBoth = await openWith(both);
    const seeing = await startWorker('pipeline', { ...plain, FEWLABELS_CODEC_KEY: `${OTHER_KEY},${KEY}` }); // another one first: keys are being changed
    const data = await startWorker('data', { ...plain, FEWLABELS_CODEC_KEY: newKey() });
    const retried = () =>
      lookAt(readsBoth, run).then(({ retries }) => retries.map(({ activity, reason }) => `${activity} ${reason}`).join());
    await expect
      .poll(retried, { timeout: 120_000, interval: 500 })
      .toMatch(/shard KeyMissing: .*FEWLABELS_CODEC_KEY must have the key [0-9a-f]{12}: it has/);

    expect(await fewlabels(['pause', run], both, folder)).toMatchObject({ status: 0 });
    expect((await lookAt(readsBoth, run)).progress?.paused).toBe(true);
    expect((await fewlabels(['status', run], environment, folder)).err).toContain(
      `must have the key ${idOf(OTHER_KEY)}: it has ${idOf(KEY)}`,
    );
    expect(await fewlabels(['cancel', run], plain, folder)).toMatchObject({ status: 0 }); // needs no key
    await expect.poll(() => lookAt(session, run, { progress: false }).then(({ status }) => status), { timeout: 60_000 }).toBe('CANCELLED');
    await Promise.all([seeing, data].map(end));
    await Promise.all([session, readsBoth].map((one) => one.close()));
  });

  let ran: Said;
  let watched: Watched;
  test('run: a whole run by mTLS, API key, S3 over TLS and temporary keys, encrypted', { timeout: PATIENCE_MS }, async () => {
    await writeFile(join(folder, 'tiny.yaml'), stringify(SMALLEST));
    await expect.poll(async () => (await fewlabels(['up'], network, folder)).status, { timeout: PATIENCE_MS, interval: 100 }).toBe(0); // a busy machine takes longer than `up` waits
    const running = fewlabels(['run', 'tiny.yaml', '--json'], network, folder);
    watched = await watchTrainers(running);
    ran = await running;
    expect(ran.err).not.toContain('✖');
    expect(JSON.parse(ran.out)).toMatchObject({
      state: 'done',
      scores: expect.arrayContaining([expect.objectContaining({ model: 'student' })]),
    });
    expect(watched.environments.length).toBeGreaterThan(0);
  });

  test('history: no word of the recipe in it, but what search attributes say; its key opens it', async () => {
    const { run } = JSON.parse(ran.out) as { run: string };
    const session = await openWith(plain);
    const history = await session.client.workflow.getHandle(run).fetchHistory();
    await session.close();
    const bytes = Buffer.from(proto.temporal.api.history.v1.History.encode(history).finish());
    expect(bytes.includes(TELLING)).toBe(false);
    expect(bytes.includes('accuracy')).toBe(false);
    expect(bytes.includes('FewlabelsRecipe')).toBe(true);
    const input = history.events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads ?? [];
    const [recipe] = await codecOf(readKeys(readEnvironment(network))).decode(input);
    expect(Buffer.from(recipe?.data ?? []).toString()).toContain(TELLING);

    const endpoint = await startCommand(['codec', '--port', '0'], { ...plain, FEWLABELS_CODEC_KEY: KEY }, /http:\S+/);
    const show = [
      'workflow',
      'show',
      '--workflow-id',
      run,
      '--address',
      plain.TEMPORAL_ADDRESS ?? '',
      '--namespace',
      'fewlabels',
      '--output',
      'json',
    ];
    const temporal = (await findServer('temporal', process.env))?.file ?? 'temporal';
    expect(dataIn((await promisify(execFile)(temporal, show, SHOWN)).stdout)).not.toContain(TELLING);
    const shown = await promisify(execFile)(temporal, [...show, '--codec-endpoint', endpoint.said], SHOWN);
    expect(dataIn(shown.stdout)).toContain(TELLING);
    await end(endpoint.child);
  });

  test('status, list, report and doctor: with the key they work; without it, or with another, they name what is missing', {
    timeout: PATIENCE_MS,
  }, async () => {
    const { run } = JSON.parse(ran.out) as { run: string };
    expect((await fewlabels(['status', run], network, folder)).out).toMatch(/: done, /);
    expect((await fewlabels(['report', run], network, folder)).status).toBe(0);
    expect((await fewlabels(['list'], network, folder)).out).toContain(run);
    const doctor = await fewlabels(['doctor'], network, folder);
    expect(doctor.out).toMatch(
      /Temporal .*, TLS, authority of TEMPORAL_TLS_SERVER_CA_CERT_PATH, client certificate, API key, workers on every queue/,
    );
    expect(doctor.out).toContain(`encrypted with key ${idOf(KEY)}`);
    expect(textsOf(doctor)).toEqual([]);
    const { FEWLABELS_CODEC_KEY: _, ...without } = network;
    const says = async (args: string[], variables: Record<string, string>) => {
      const { status, err } = await fewlabels(args, variables, folder);
      return `${status} ${err}`;
    };
    const needed = `✖ Cannot read what came through Temporal as FEWLABELS_CODEC_KEY must have the key ${idOf(KEY)}`;
    const patient = { timeout: 300_000, interval: 500 }; // a busy worker does not answer what progress there is, and then there is nothing to decrypt
    await expect.poll(() => says(['status', run], without), patient).toMatch(new RegExp(`^1 [^✖]*${needed}: it is not set`));
    await expect
      .poll(() => says(['report', run], { ...without, FEWLABELS_CODEC_KEY: OTHER_KEY }), patient)
      .toMatch(new RegExp(`^1 [^✖]*${needed}: it has ${idOf(OTHER_KEY)}`));
    const started = await fewlabels(['run', 'tiny.yaml', '--detach'], { ...without, FEWLABELS_CODEC_KEY: OTHER_KEY }, folder);
    expect(started.err).toMatch(/^✖ Cannot use the workers of .* as they must serve .*encrypted with key/m);
  });

  test('credentials: in no database, log, object, report, scratch folder or environment of a trainer', {
    timeout: PATIENCE_MS,
  }, async () => {
    await fewlabels(['down'], network, folder); // all is written then
    const isKeyring = (file: string) => file.includes('/.minio.sys/config/iam/'); // an S3 must know the keys that it gave out
    const files = [...(await filesIn(servers.folder)), ...(await filesIn(folder))].filter((file) => !isKeyring(file));
    const holding = async (text: string) => {
      const found = await filesWith(files, text);
      return [...found, ...watched.environments.filter((environment) => environment.includes(text)).map(() => 'a trainer')];
    };
    // The search finds what is there: the run in the database and in the bucket, and the key's fingerprint in a log.
    const { run } = JSON.parse(ran.out) as { run: string };
    const namesOf = (found: string[]) => found.map((file) => file.slice(file.lastIndexOf('/') + 1));
    expect(namesOf(await holding(run))).toEqual(expect.arrayContaining(['temporal.db', 'xl.meta']));
    expect(namesOf(await holding(idOf(KEY)))).toContain('supervisor.log');
    expect((await holding(TELLING)).filter((file) => file.includes('temporal.db'))).toEqual([]);
    expect(await holding('MALLOC_ARENA_MAX')).toContain('a trainer');
    for (const [name, secret] of Object.entries(secrets)) {
      expect(secret.length, name).toBeGreaterThan(15);
      expect(await holding(secret), name).toEqual([]);
    }
    expect(watched.read).toContain('job.json');
    expect(watched.spilled).toEqual([]);
    expect([ran.out, ran.err].filter((text) => Object.values(secrets).some((secret) => text.includes(secret)))).toEqual([]);
  });
});

/** The data of all payloads in what `temporal` says, which is in base64. */
const dataIn = (json: string) =>
  [...json.matchAll(/"data": "([^"]*)"/g)].map(([, data = '']) => Buffer.from(data, 'base64').toString('latin1')).join('\n');

/** Names of the secrets that a command said. */
const textsOf = ({ out, err }: Said) => Object.keys(secrets).filter((name) => `${out}${err}`.includes(secrets[name] ?? ''));

type Watched = { environments: string[]; read: Set<string>; spilled: string[] };

/** Environments of the trainers that work in our scratch folder, as the system tells them, and what of the secrets lies there meanwhile. */
async function watchTrainers(until: Promise<unknown>): Promise<Watched> {
  const environments = new Map<string, string>();
  const watched: Watched = { environments: [], read: new Set(), spilled: [] };
  const scratch = network.FEWLABELS_SCRATCH ?? '';
  let isOver = false;
  void until.finally(() => (isOver = true));
  while (!isOver) {
    for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
      const [command, environment] = await Promise.all(
        ['cmdline', 'environ'].map((file) => readFile(`/proc/${pid}/${file}`, 'latin1').catch(() => '')),
      );
      if (command?.includes('trainer.ts') && command.includes(scratch) && environment) environments.set(pid, environment);
    }
    for (const file of await filesIn(scratch).catch(() => [])) {
      const text = await readFile(file, 'latin1').catch(() => ''); // gone meanwhile
      watched.read.add(file.slice(file.lastIndexOf('/') + 1));
      for (const [name, secret] of Object.entries(secrets)) if (text.includes(secret)) watched.spilled.push(`${name} in ${file}`);
    }
    await sleep(200);
  }
  return { ...watched, environments: [...environments.values()] };
}

const startWorker = async (kind: WorkerKind, variables: Record<string, string>) =>
  (await startCommand(['worker', kind], variables, /ready: /)).child;
