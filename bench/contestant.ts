/**
 * A contestant: a process that makes one thing ready and then repeats it on demand. Over its standard input and output it speaks
 * lines: it says `{"ready":true,…}` after its first iteration; on `go N` it does N more and says `{"seconds":[…]}`; on `end` it
 * says `{"peakBytes":…}` and ends. `contestants/serve.ts` and `peers/serve.py` speak the contestant's side.
 */
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { TRAINER_ENVIRONMENT } from '../workers/trainer-environment.ts';
import { startChild, type Variables } from './children.ts';
import { peerEnvironment } from './peers.ts';

export type Contestant = { name: string; command: string; args: string[]; environment: Variables };

/** `firstSeconds`: its first iteration with all that was built for it; `baseBytes`: its memory before, libraries loaded. */
export type Ready = { firstSeconds: number; baseBytes?: number; device?: 'CPU' | 'GPU' };
/** `values`: what the iterations came to, e.g. losses. */
export type Turn = { seconds: number[]; values?: number[] };

/** A machine's GPU is left alone, so that a figure means the same on all of them; `onGpu` says otherwise. */
const WITHOUT_GPU = { CUDA_VISIBLE_DEVICES: '-1' };

export const onGpu = (contestant: Contestant): Contestant => ({
  ...contestant,
  environment: { ...contestant.environment, CUDA_VISIBLE_DEVICES: process.env.CUDA_VISIBLE_DEVICES },
});

/** One of ours. @param file  in `contestants/` */
export function ours(name: string, file: string, args: (string | number)[]): Contestant {
  const path = fileURLToPath(new URL(`contestants/${file}`, import.meta.url));
  return {
    name,
    command: process.execPath,
    args: ['--import', 'tsx', path, ...args.map(String)],
    environment: { ...process.env, ...TRAINER_ENVIRONMENT, ...WITHOUT_GPU },
  };
}

/** One of the peers'. @param file  in `peers/` */
export function peer(name: string, python: string, file: string, args: (string | number)[], environment: Variables = {}): Contestant {
  const path = fileURLToPath(new URL(`peers/${file}`, import.meta.url));
  return {
    name,
    command: python,
    args: [path, ...args.map(String)],
    environment: { ...peerEnvironment(process.env), ...WITHOUT_GPU, ...environment },
  };
}

/** A contestant that is ready. Requests are made one at a time. */
export type Running = {
  ready: Ready;
  /** From its start until it was ready. */
  readySeconds: number;
  go(iterations: number): Promise<Turn>;
  end(): Promise<{ peakBytes: number }>;
};

const TAIL = 2_000; // characters of what it said last

/** @throws Error with its last words when it ends instead of getting ready */
export async function start({ name, command, args, environment }: Contestant): Promise<Running> {
  const started = performance.now();
  const child = startChild(command, args, environment);
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-TAIL)));
  child.stdin.on('error', () => undefined); // it is gone: `ended` tells
  const ended = new Promise<never>((_, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) =>
      reject(new Error(`Cannot go on with "${name}" as it ended (${signal ?? `status ${code}`}): ${said}`)),
    );
  });
  ended.catch(() => undefined); // seen by whoever waits for a line
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const ask = async <T>(request?: string): Promise<T> => {
    if (request) child.stdin.write(`${request}\n`);
    for (;;) {
      const { value, done } = await Promise.race([lines.next(), ended]);
      if (done) return ended;
      if (value.startsWith('{')) return JSON.parse(value) as T; // libraries print their own lines
    }
  };
  const ready = await ask<Ready>();
  const readySeconds = (performance.now() - started) / 1_000;
  const end = async () => {
    const last = await ask<{ peakBytes: number }>('end');
    await ended.catch(() => undefined);
    return last;
  };
  return { ready, readySeconds, go: (iterations) => ask(`go ${iterations}`), end };
}
