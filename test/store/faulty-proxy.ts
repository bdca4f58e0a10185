/** An HTTP proxy in front of a real S3 that does to chosen requests what networks and overloaded servers do. */
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
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

export type Hold = { held: string[]; letGo(): void };

export type FaultyProxy = {
  endpoint: string;
  /** Requests seen so far, as `METHOD path`. */
  seen: string[];
  /** Faults for the next requests that match, one each. */
  arrange(matches: (line: string) => boolean, ...faults: Fault[]): void;
  /** Requests that match are not passed on until they are let go. */
  hold(matches: (line: string) => boolean): Hold;
  /** From now on, and until there is none. Which request is struck depends on the seed and on how many came before. */
  weather: Weather | undefined;
  /** Requests that chance has struck. */
  struck: number;
  close(): Promise<void>;
};

export async function openFaultyProxy(target: string): Promise<FaultyProxy> {
  const seen: string[] = [];
  const plans: { matches(line: string): boolean; faults: Fault[] }[] = [];
  const holds = new Map<Hold, { matches(line: string): boolean; over: Promise<void> }>();
  const server = createServer(async (incoming, outgoing) => {
    const line = `${incoming.method} ${incoming.url}`;
    seen.push(line);
    const planned = plans.find(({ matches, faults }) => faults.length > 0 && matches(line))?.faults.shift();
    const chance = proxy.weather && drawFault(proxy.weather, seen.length);
    if (chance?.fault) proxy.struck++;
    if (chance) await sleep(chance.wait);
    for (const [{ held }, { matches, over }] of holds) {
      if (!matches(line)) continue;
      held.push(line);
      await over;
    }
    handle(target, incoming, outgoing, planned ?? chance?.fault);
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
    hold(matches) {
      let letGo: () => void = () => undefined;
      const over = new Promise<void>((resolve) => (letGo = resolve));
      const hold = {
        held: [],
        letGo() {
          holds.delete(hold);
          letGo();
        },
      };
      holds.set(hold, { matches, over });
      return hold;
    },
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

function handle(target: string, incoming: IncomingMessage, outgoing: ServerResponse, fault: Fault | undefined): void {
  if (fault === 'reset') return void incoming.socket.destroy();
  if (fault === 'silence') return void incoming.resume();
  if (typeof fault === 'object' && 'status' in fault) {
    incoming.resume().on('end', () => outgoing.writeHead(fault.status).end(fault.body));
    return;
  }
  // The Host header goes on unchanged, as it is part of the signature.
  const { method, url, headers } = incoming;
  const forward = request(new URL(url ?? '/', target), { method, headers, agent: false }, (answer) => {
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
  incoming.pipe(forward);
}
