/** What `doctor` looks at, in the order in which things depend on each other. */
import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access, statfs } from 'node:fs/promises';
import { availableParallelism, freemem, homedir, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { TemporalAccess } from '../contracts/services.ts';
import { makeFolders } from '../infra/local/folders.ts';
import { findServices, status } from '../infra/local/services.ts';
import { type Key, readKeys } from '../infra/temporal/codec.ts';
import { openS3 } from '../store/s3.ts';
import { openSession } from './session.ts';
import type { Context } from './terminal.ts';
import { idleQueues } from './watch.ts';

export type Finding = { ok: boolean; text: string };
export type Checkup = { name: string; look(): Promise<Finding> };

const GIB = 2 ** 30;
const DISK_WANTED = 5 * GIB; // a demo takes one; a real run some
const good = (text: string): Finding => ({ ok: true, text });
const bad = (text: string): Finding => ({ ok: false, text });

export function checkups(context: Context): Checkup[] {
  const { environment } = context;
  const home =
    environment.FEWLABELS_HOME ?? join(environment.XDG_DATA_HOME ?? join(environment.HOME ?? homedir(), '.local', 'share'), 'fewlabels');
  return [
    { name: 'Node', look: async () => node(process.versions.node) },
    { name: 'TensorFlow', look: () => tensorflow(context.variables) },
    { name: 'machine', look: async () => good(`${availableParallelism()} cores, ${(freemem() / GIB).toFixed(1)} GiB of memory free`) },
    { name: 'data', look: () => folder(home, 'FEWLABELS_HOME') },
    { name: 'scratch', look: () => folder(environment.FEWLABELS_SCRATCH ?? join(tmpdir(), 'fewlabels'), 'FEWLABELS_SCRATCH') },
    { name: 'servers', look: () => servers(environment) },
    { name: 'Temporal', look: () => temporal(context) },
    { name: 'store', look: () => store(context) },
    { name: 'codec', look: async () => codec(readKeys(environment)) },
  ];
}

export function node(version: string): Finding {
  const major = Number(version.split('.')[0]);
  return major >= 20 ? good(version) : bad(`${version}: install Node 20, 22 or 24`);
}

/** In a process of its own: native code that fails to load may take its process with it. */
async function tensorflow(variables: Context['variables']): Promise<Finding> {
  const tensorflowModule = new URL('../learning/tensorflow.ts', import.meta.url).href;
  const program = `const { tf } = await import(${JSON.stringify(tensorflowModule)}); const b = tf.backend();
    console.log(JSON.stringify({ version: b.binding.TF_Version, gpu: b.isUsingGpuDevice, four: tf.add(2, 2).dataSync()[0] }));`;
  const args = ['--import', import.meta.resolve('tsx'), '--input-type=module', '--eval', program];
  try {
    const { stdout } = await promisify(execFile)(process.execPath, args, {
      timeout: 60_000,
      env: { ...variables, TF_CPP_MIN_LOG_LEVEL: '2', TF_FORCE_GPU_ALLOW_GROWTH: 'true' },
    });
    const { version, gpu, four } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '{}') as {
      version?: string;
      gpu?: boolean;
      four?: number;
    };
    return four === 4 ? good(`${version ?? ''} on ${gpu ? 'a GPU' : 'the CPU'}`) : bad(`2 + 2 gave ${four}: run \`npm run setup\` again`);
  } catch (error) {
    const lines = error instanceof Error && 'stderr' in error ? String(error.stderr).trim().split('\n') : [];
    const reason = lines.find((line) => /Error:/.test(line)) ?? `${lines.at(-1) ?? String(error)}: run \`npm run setup\``;
    return bad(`it does not load: ${reason.trim().slice(0, 400)}`);
  }
}

async function folder(path: string, variable: string): Promise<Finding> {
  try {
    await makeFolders(resolve(path));
    await access(path, constants.W_OK);
  } catch (error) {
    return bad(`${path} is not writable: ${(error as Error).message}; name another in ${variable}`);
  }
  const { bavail, bsize } = await statfs(path);
  const free = `${path}, ${((bavail * bsize) / GIB).toFixed(1)} GiB free`;
  return bavail * bsize < DISK_WANTED ? bad(`${free}: make room, or name another in ${variable}`) : good(free);
}

/** The supervisor and its children. */
async function servers(environment: Context['environment']): Promise<Finding> {
  const { state, problem, processes } = await status(environment);
  const trouble = processes.find((entry) => entry.problem !== undefined);
  const [told = ''] = (problem ?? trouble?.problem ?? '').split('\n');
  if (problem) return bad(told);
  if (trouble) return bad(`${trouble.name}: ${told}; its log is ${trouble.log}`);
  return good(state === 'ready' ? 'servers and workers are up' : `${state}: \`npx fewlabels up\` or the next run starts them`);
}

async function temporal(context: Context): Promise<Finding> {
  if (!(await findServices(context.environment))) return good('not up: `npx fewlabels up` or the next run starts it');
  const session = await openSession(context, { start: false });
  const { serverVersion } = await session.client.workflowService.getSystemInfo({});
  const idle = await idleQueues(session).finally(() => session.close());
  const { temporal: access } = session.services;
  const address = `${serverVersion} at ${access.address}, ${wayTo(access)}`;
  return idle.length === 0
    ? good(`${address}, workers on every queue`)
    : bad(`${address} answers, but nobody serves ${idle.join(', ')}: start workers with \`npx fewlabels worker KIND\``);
}

/** How a Temporal server is reached: never a secret. */
export function wayTo({ tls, apiKey }: TemporalAccess): string {
  if (!tls) return 'no TLS';
  const trusted = tls.serverCa ? `authority of ${tls.serverCa.variable}` : 'usual authorities';
  return ['TLS', trusted, ...(tls.clientCert ? ['client certificate'] : []), ...(apiKey ? ['API key'] : [])].join(', ');
}

export function codec([first, ...older]: Pick<Key, 'id'>[]): Finding {
  if (!first) return good('what goes through Temporal is not encrypted (FEWLABELS_CODEC_KEY)');
  const others = older.length > 0 ? `; what older keys encrypted is read too: ${older.map(({ id }) => id).join(', ')}` : '';
  return good(`what goes through Temporal is encrypted with key ${first.id}${others}`);
}

/** Writes, reads and deletes a byte. */
async function store({ environment }: Context): Promise<Finding> {
  const services = await findServices(environment);
  if (!services) return good('not up: `npx fewlabels up` or the next run starts it');
  const opened = await openS3(services.s3);
  const key = `runs/doctor-${process.pid}`;
  await opened.put(key, Buffer.from('1'));
  const back = await opened.get(key);
  await opened.remove([key]);
  const place = `${services.s3.endpoint}, bucket ${services.s3.bucket}`;
  return back?.toString() === '1' ? good(place) : bad(`${place} gives back other bytes than were written`);
}
