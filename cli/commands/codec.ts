/** `fewlabels codec` */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Payload, PayloadCodec } from '@temporalio/common';
import proto from '@temporalio/proto';
import { z } from 'zod';
import { findServices } from '../../infra/local/services.ts';
import { codecOf, readKeys } from '../../infra/temporal/codec.ts';
import { BadInput, explain } from '../problem.ts';
import type { Context } from '../terminal.ts';

export type CodecOptions = { port: string; host: string; origin?: string[] };

const LONGEST_BODY = 64 * 2 ** 20; // Temporal's messages are shorter
const Body = z.object({ payloads: z.array(z.record(z.string(), z.unknown())) });

/** Serve Temporal's codec endpoint until a signal comes. Whoever reaches it can read and write what the key protects. */
export async function codec(context: Context, { port, host, origin }: CodecOptions): Promise<void> {
  const { environment, terminal } = context;
  const keys = readKeys(environment);
  if (keys.length === 0) throw new BadInput('Cannot serve a codec as FEWLABELS_CODEC_KEY must hold a key: it is not set');
  if (!/^\d{1,5}$/.test(port)) throw new BadInput(`--port must be a number: got ${port}`);
  const interrupted = context.catchInterrupt();
  const server = codecServer(codecOf(keys), origin ?? (await originsOf(context)));
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(Number(port), host, resolve));
  const address = server.address();
  const bound = typeof address === 'object' && address !== null ? address.port : port;
  terminal.print(`http://${host.includes(':') ? `[${host}]` : host}:${bound}`);
  terminal.say('Name this address as codec server in the Temporal UI (glasses, top right), or give it to `temporal` as --codec-endpoint');
  await new Promise<void>((resolve) => (interrupted.aborted ? resolve() : interrupted.addEventListener('abort', () => resolve())));
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}

/** Of the UI of our servers, under both names of this machine. */
async function originsOf({ environment }: Context): Promise<string[]> {
  const ui = environment.TEMPORAL_UI_URL ?? (await findServices(environment))?.temporal.ui;
  if (!ui || !URL.canParse(ui)) return [];
  const { origin } = new URL(ui);
  return [origin, origin.replace('//127.0.0.1:', '//localhost:')];
}

/** @param origins  pages that may ask; programs, which name none, may too */
export function codecServer(codec: PayloadCodec, origins: string[]): Server {
  return createServer((request, response) => {
    const { origin } = request.headers;
    if (origin !== undefined && !origins.includes(origin))
      return end(response, 403, `the codec answers ${origins.join(', ') || 'no page'}`);
    if (origin !== undefined) allow(response, origin);
    if (request.method === 'OPTIONS') return end(response, 204);
    const work = { '/encode': codec.encode, '/decode': codec.decode }[request.url ?? ''];
    if (request.method !== 'POST' || !work) return end(response, 404, 'POST /encode or /decode');
    answer(request, work).then(
      (text) => response.writeHead(200, { 'content-type': 'application/json' }).end(text),
      (error: unknown) => end(response, 400, explain(error).join('\n')),
    );
  });
}

function allow(response: ServerResponse, origin: string): void {
  response.setHeader('access-control-allow-origin', origin);
  response.setHeader('access-control-allow-methods', 'POST');
  response.setHeader('access-control-allow-headers', 'content-type, x-namespace, authorization');
  response.setHeader('vary', 'origin');
}

const end = (response: ServerResponse, status: number, text = ''): void =>
  void response.writeHead(status, { 'content-type': 'text/plain' }).end(text);

/** Payloads travel as protobuf's JSON: bytes in base64. */
async function answer(request: IncomingMessage, work: PayloadCodec['encode']): Promise<string> {
  const { payloads } = Body.parse(JSON.parse(await bodyOf(request)));
  const { Payload } = proto.temporal.api.common.v1;
  const made: Payload[] = await work(payloads.map((payload) => Payload.fromObject(payload)));
  return JSON.stringify({ payloads: made.map((payload) => Payload.toObject(Payload.fromObject(payload), { bytes: String })) });
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes > LONGEST_BODY) throw new Error(`Cannot take a body as it must be at most ${LONGEST_BODY} bytes long`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
