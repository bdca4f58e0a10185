/** An HTTP proxy in front of a real S3 that does to chosen requests what networks and overloaded servers do. */
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';

/**
 * `reset` breaks the connection before the request is passed on; `lose answer` passes it on and then breaks it; `cut answer` breaks
 * it after that many bytes of the answer; `status` answers in the server's place; `silence` never answers.
 */
export type Fault = 'reset' | 'lose answer' | 'silence' | { status: number; body?: string } | { cutAfter: number };

export type FaultyProxy = {
  endpoint: string;
  /** Requests seen so far, as `METHOD path`. */
  seen: string[];
  /** Faults for the next requests that match, one each. */
  arrange(matches: (line: string) => boolean, ...faults: Fault[]): void;
  close(): Promise<void>;
};

export async function openFaultyProxy(target: string): Promise<FaultyProxy> {
  const seen: string[] = [];
  const plans: { matches(line: string): boolean; faults: Fault[] }[] = [];
  const server = createServer((incoming, outgoing) => {
    const line = `${incoming.method} ${incoming.url}`;
    seen.push(line);
    const fault = plans.find(({ matches, faults }) => faults.length > 0 && matches(line))?.faults.shift();
    handle(target, incoming, outgoing, fault);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    seen,
    arrange: (matches, ...faults) => void plans.push({ matches, faults }),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
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
    if (fault === undefined) return void answer.pipe(outgoing);
    let passed = 0;
    answer.on('data', (chunk: Buffer) => {
      const rest = chunk.subarray(0, fault.cutAfter - passed);
      passed += rest.length;
      if (rest.length > 0) outgoing.write(rest, () => passed >= fault.cutAfter && incoming.socket.destroy());
    });
  });
  forward.on('error', () => incoming.socket.destroy());
  incoming.pipe(forward);
}
