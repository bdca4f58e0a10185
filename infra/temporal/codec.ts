/**
 * What goes through Temporal (recipes, results, heartbeats, queries, summaries, messages of failures) encrypted with a key that the
 * server does not have: AES-256-GCM, after Temporal's own example. Search attributes, names of runs, stages and queues stay readable.
 *
 * Keys are told apart by a fingerprint that travels with each payload: nobody has to name them, and no two can be mistaken.
 */
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { ApplicationFailure, type Payload, type PayloadCodec } from '@temporalio/common';
import proto from '@temporalio/proto';
import type { Environment } from '../../contracts/environment.ts';
import { FAILURES, type FailureKind } from '../../contracts/failures.ts';

export type Key = { id: string; bytes: Buffer };

const ENCODING = 'binary/encrypted'; // as in Temporal's example: its UI knows the word
const KEY_BYTES = 32;
const [NONCE_BYTES, TAG_BYTES] = [12, 16];

/** The keys of FEWLABELS_CODEC_KEY or its file: the first encrypts, all decrypt. None: nothing is encrypted. @throws Error naming the variable */
export function readKeys({ FEWLABELS_CODEC_KEY, FEWLABELS_CODEC_KEY_FILE }: Environment): Key[] {
  const variable = FEWLABELS_CODEC_KEY_FILE === undefined ? 'FEWLABELS_CODEC_KEY' : 'FEWLABELS_CODEC_KEY_FILE';
  const text = FEWLABELS_CODEC_KEY_FILE === undefined ? FEWLABELS_CODEC_KEY : readFile(FEWLABELS_CODEC_KEY_FILE);
  if (text === undefined) return [];
  const lines = text.split(/[\s,]+/).filter((line) => line !== '');
  const keys = lines.map((line) => Buffer.from(line, 'base64'));
  const wrong = lines.findIndex((line, i) => !/^[A-Za-z0-9+/_-]+={0,2}$/.test(line) || keys[i]?.length !== KEY_BYTES);
  if (lines.length === 0 || wrong >= 0) {
    const state = lines.length === 0 ? 'it is empty' : `number ${wrong + 1} is not`; // never what stands there
    throw new Error(`Cannot encrypt as ${variable} must hold keys of ${KEY_BYTES} bytes in base64 (\`openssl rand -base64 32\`): ${state}`);
  }
  return keys.map((bytes) => ({ bytes, id: createHash('sha256').update('fewlabels codec ').update(bytes).digest('hex').slice(0, 12) }));
}

function readFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new Error(`Cannot encrypt as FEWLABELS_CODEC_KEY_FILE must name a file to read: ${(error as Error).message}`);
  }
}

/** Without keys it encrypts nothing, and says of what is encrypted which key it wants. */
export function codecOf(keys: Key[]): PayloadCodec {
  const [first] = keys;
  return {
    encode: async (payloads) => (first ? payloads.map((payload) => encrypted(payload, first)) : payloads),
    decode: async (payloads) => payloads.map((payload) => decrypted(payload, keys)),
  };
}

function encrypted(payload: Payload, { id, bytes }: Key): Payload {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', bytes, nonce);
  const body = [cipher.update(proto.temporal.api.common.v1.Payload.encode(payload).finish()), cipher.final()];
  return {
    metadata: { encoding: Buffer.from(ENCODING), 'encryption-key-id': Buffer.from(id) },
    data: Buffer.concat([nonce, ...body, cipher.getAuthTag()]),
  };
}

function decrypted(payload: Payload, keys: Key[]): Payload {
  const { metadata, data } = payload;
  if (Buffer.from(metadata?.encoding ?? []).toString() !== ENCODING) return payload;
  const id = Buffer.from(metadata?.['encryption-key-id'] ?? []).toString();
  const key = keys.find((one) => one.id === id);
  if (key === undefined) throw keyMissing(id, keys);
  const bytes = Buffer.from(data ?? []);
  try {
    const decipher = createDecipheriv('aes-256-gcm', key.bytes, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
    decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
    return proto.temporal.api.common.v1.Payload.decode(
      Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]),
    );
  } catch {
    const rule = `it must be as it was encrypted with key ${id}`;
    throw unreadable('DataIntegrity', `Cannot decrypt what came through Temporal as ${rule}: it was changed`);
  }
}

function keyMissing(id: string, keys: Key[]): ApplicationFailure {
  const state = keys.length === 0 ? 'it is not set' : `it has ${keys.map((key) => key.id).join(', ')}`;
  const rule = `FEWLABELS_CODEC_KEY must have the key ${id.slice(0, 64)}`;
  return unreadable('KeyMissing', `Cannot read what came through Temporal as ${rule}: ${state}`);
}

/** Temporal's own kind of failure, as the SDK hands on to the server what a worker's codec throws. */
function unreadable(kind: FailureKind, message: string): ApplicationFailure {
  return Object.assign(ApplicationFailure.create({ message, type: kind, nonRetryable: !FAILURES[kind].retryable }), { kind });
}

/** What of an error or its causes says that a key is missing. */
export function keyMissingIn(error: unknown): Error | undefined {
  for (let cause = error, depth = 0; cause instanceof Error && depth < 10; cause = cause.cause, depth++)
    if ('kind' in cause && cause.kind === 'KeyMissing') return cause;
  return undefined;
}
