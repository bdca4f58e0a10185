/** An HTTP proxy in front of a real S3 that does to chosen requests what networks and overloaded servers do. */
import { type ClientRequest, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { randomStream } from '../../learning/random.ts';

/**
 * `reset` breaks the connection before the request is passed on; `lose answer` passes it on and then breaks it; `cutAfter` breaks it
 * after that many bytes of the answer, `cutBodyAfter` of the request; `status` answers in the server's place; `silence` never answers.
 */
export type Fault =
  | 'reset'
  | 'lose answer'
  | 'silence'
  | { status: number; body?: string }
  | { cutAfter: number }
  | { cutBodyAfter: number };

/** Trouble by chance: shares of the requests that get an error, or a broken connection somewhere, and the longest wait, milliseconds. */
export type Weather = { seed: number; errors: number; resets: number; latency: number };

/** Holds up requests: before they are passed on, after the beginning of their body was, or before their answer is. */
export type Gate = {
  /** Resolves when the first one waits there. */
  reached: Promise<string>;
  /** Let them go on, and whoever comes after; those whose sender is gone go nowhere. */
  open(): void;
};
type Closed = { matches(line: string): boolean; at: 'request' | 'body' | 'answer'; pass(line: string): Promise<void>; open(): void };

export type FaultyProxy = {
  endpoint: string;
  /** Requests seen so far, as `METHOD path`. */
  seen: string[];
  /** Faults for the next requests that match, one each. */
  arrange(matches: (line: string) => boolean, ...faults: Fault[]): void;
  /** Hold up all requests that match, until it is opened. */
  gate(matches: (line: string) => boolean, at?: Closed['at']): Gate;
  /** Open all gates that there are. */
  openAll(): void;
  /** From now on, and until there is none. Which request is struck depends on the seed and on how many came before. */
  weather: Weather | undefined;
  /** Requests that chance has struck. */
  struck: number;
  /** Connections that are open, in use or not. */
  connections(): Promise<number>;
  close(): Promise<void>;
};

export async function openFaultyProxy(target: string): Promise<FaultyProxy> {
  const seen: string[] = [];
  const plans: { matches(line: string): boolean; faults: Fault[] }[] = [];
  const gates = new Set<Closed>();
  const server = createServer(async (incoming, outgoing) => {
    const line = `${incoming.method} ${incoming.url}`;
    seen.push(line);
    const planned = plans.find(({ matches, faults }) => faults.length > 0 && matches(line))?.faults.shift();
    const chance = proxy.weather && drawFault(proxy.weather, seen.length);
    if (chance?.fault) proxy.struck++;
    if (chance) await sleep(chance.wait);
    const gate = [...gates].find(({ matches }) => matches(line));
    if (gate?.at === 'request') await gate.pass(line);
    if (incoming.socket.destroyed) return;
    const at = (place: Closed['at']) => (gate?.at === place ? () => gate.pass(line) : undefined);
    handle(target, incoming, outgoing, planned ?? chance?.fault, { body: at('body'), answer: at('answer') });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const proxy: FaultyProxy = {
    endpoint: `http://127.0.0.1:${port}`,
    seen,
    weather: undefined,
    struck: 0,
    arrange: (matches, ...faults) => void plans.push({ matches, faults }),
    gate(matches, at = 'request') {
      let reach: (line: string) => void;
      let open: () => void;
      const reached = new Promise<string>((resolve) => (reach = resolve));
      const opened = new Promise<void>((resolve) => (open = resolve));
      const gate: Closed = {
        matches,
        at,
        pass(line) {
          reach(line);
          return opened;
        },
        open() {
          gates.delete(gate);
          open();
        },
      };
      gates.add(gate);
      return { reached, open: gate.open };
    },
    openAll() {
      for (const gate of gates) gate.open();
    },
    connections: () => new Promise((resolve, reject) => server.getConnections((error, count) => (error ? reject(error) : resolve(count)))),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return proxy;
}

/** What happens to the n-th request, and after how long. */
function drawFault({ seed, errors, resets, latency }: Weather, n: number): { fault?: Fault; wait: number } {
  const draw = randomStream(seed, 'weather', n);
  const [chance, wait] = [draw.uniform(), latency * draw.uniform()];
  const somewhere = Math.floor(2 ** (20 * draw.uniform())); // bytes: any order of magnitude up to a MiB
  const statuses = [500, 502, 503, 429];
  const breaks: Fault[] = ['reset', 'lose answer', { cutAfter: somewhere }, { cutBodyAfter: somewhere }];
  if (chance < errors) return { fault: { status: statuses[draw.integer(statuses.length)] ?? 500 }, wait };
  return { fault: chance < errors + resets ? breaks[draw.integer(breaks.length)] : undefined, wait };
}

type Waits = { [place in 'body' | 'answer']?: (() => Promise<void>) | undefined };

function handle(target: string, incoming: IncomingMessage, outgoing: ServerResponse, fault: Fault | undefined, waits: Waits): void {
  if (fault === 'reset') return void incoming.socket.destroy();
  if (fault === 'silence') return void incoming.resume();
  if (typeof fault === 'object' && 'status' in fault) {
    incoming.resume().on('end', () => outgoing.writeHead(fault.status).end(fault.body));
    return;
  }
  // The Host header goes on unchanged, as it is part of the signature.
  const { method, url, headers } = incoming;
  const forward = request(new URL(url ?? '/', target), { method, headers, agent: false }, async (answer) => {
    await waits.answer?.();
    if (fault === 'lose answer') return void answer.resume().on('end', () => incoming.socket.destroy());
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
    if (typeof fault !== 'object' || !('cutAfter' in fault)) return void answer.pipe(outgoing);
    let passed = 0;
    answer.on('data', (chunk: Buffer) => {
      const rest = chunk.subarray(0, fault.cutAfter - passed);
      passed += rest.length;
      if (rest.length > 0) outgoing.write(rest, () => passed >= fault.cutAfter && incoming.socket.destroy());
    });
  });
  forward.on('error', () => incoming.socket.destroy());
  if (typeof fault === 'object' && 'cutBodyAfter' in fault) {
    let passed = 0;
    incoming.on('data', (chunk: Buffer) => {
      passed += chunk.length;
      if (passed < fault.cutBodyAfter) return void forward.write(chunk);
      forward.destroy();
      incoming.socket.destroy();
    });
    incoming.on('end', () => forward.end());
    return;
  }
  if (waits.body) void passSlowly(incoming, forward, waits.body);
  else incoming.pipe(forward);
}

/** Wait after the first part of the body. */
async function passSlowly(incoming: IncomingMessage, forward: ClientRequest, wait: () => Promise<void>): Promise<void> {
  let waiting: Promise<void> | undefined;
  try {
    for await (const chunk of incoming) {
      forward.write(chunk);
      waiting ??= wait();
      await waiting;
    }
    forward.end();
  } catch {
    forward.destroy(); // the sender is gone
  }
}
