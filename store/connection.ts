/**
 * A connection to one bucket of an S3: which errors pass by themselves and are waited for, which are final, and reads that go on
 * where a broken connection left them.
 */
import { readFileSync } from 'node:fs';
import { Agent } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, S3Error } from 'minio';
import { Failure } from '../contracts/failures.ts';
import type { S3Access } from '../contracts/services.ts';
import type { ListedObject } from './store.ts';
import { transport, Unanswered } from './transport.ts';

/** How long to wait for a store in trouble; milliseconds. */
export type Patience = { attempts: number; firstDelay: number; longestDelay: number; silence: number };

/** About ten seconds of pauses in all: a server restart passes unnoticed, a longer outage is Temporal's to wait for. */
export const PATIENCE: Patience = { attempts: 7, firstDelay: 150, longestDelay: 5_000, silence: 60_000 };

export type Range = { offset: number; length: number };

export type Connection = {
  client: Client;
  bucket: string;
  /** For messages: `bucket "b" at http://host:port`. */
  place: string;
  /** Do `action`, again and again while the store is in passing trouble. `what` ends the sentence "Cannot …". */
  attempt<T>(what: string, action: (attempt: number) => Promise<T>): Promise<T>;
};

/**
 * Prepare a connection; nothing is sent yet.
 * @throws Error when the endpoint is no http or https address, or AWS_CA_BUNDLE names no file of certificates
 */
export function connect(access: S3Access, patience: Patience = PATIENCE): Connection {
  const endpoint = parseEndpoint(access.endpoint);
  const client = new Client({
    endPoint: endpoint.hostname,
    port: endpoint.port ? Number(endpoint.port) : endpoint.protocol === 'https:' ? 443 : 80,
    useSSL: endpoint.protocol === 'https:',
    accessKey: access.accessKey,
    secretKey: access.secretKey,
    sessionToken: access.sessionToken,
    region: access.region,
    transport: transport(endpoint.protocol, patience.silence),
    transportAgent: endpoint.protocol === 'https:' && access.caBundle !== undefined ? trusting(access.caBundle) : undefined,
    retryOptions: { disableRetry: true }, // its own retry prints, and knows no network errors
  });
  const place = `bucket "${access.bucket}" at ${endpoint.protocol}//${endpoint.host}`;
  return { client, bucket: access.bucket, place, attempt: (what, action) => patiently(patience, what, place, action) };
}

/** Like Node's own agent, but with other authorities. */
function trusting(caBundle: string): Agent {
  const must = 'Cannot open the object store as AWS_CA_BUNDLE must name a file of certificates in PEM';
  let ca: string;
  try {
    ca = readFileSync(caBundle, 'utf8');
  } catch (error) {
    throw new Error(`${must}: ${(error as Error).message}`);
  }
  if (!ca.includes('-----BEGIN CERTIFICATE-----')) throw new Error(`${must}: ${caBundle} holds none`);
  return new Agent({ ca, keepAlive: true, scheduling: 'lifo', timeout: 5_000 });
}

function parseEndpoint(endpoint: string): { protocol: 'http:' | 'https:'; hostname: string; host: string; port: string } {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  const { protocol, hostname, host, port } = url ?? {};
  if ((protocol !== 'http:' && protocol !== 'https:') || !hostname || host === undefined || port === undefined || url?.pathname !== '/') {
    const found = url ? `${protocol}//${host}${url.pathname}` : `"${endpoint}"`; // never a password that stands in the address
    throw new Error(`Cannot open the object store as its endpoint must be http(s)://host[:port]: got ${found}`);
  }
  return { protocol, hostname, host, port };
}

async function patiently<T>(patience: Patience, what: string, place: string, action: (attempt: number) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await action(attempt);
    } catch (error) {
      if (!passes(error)) throw final(error, what, place);
      if (attempt >= patience.attempts || isUntrusted(error)) throw unavailable(error, what, place, attempt);
      const delay = Math.min(patience.longestDelay, patience.firstDelay * 2 ** (attempt - 1));
      await sleep(delay * (0.5 + Math.random() / 2)); // spread, so that many workers do not come back at once
    }
  }
}

/**
 * Answers of 4xx that another try, or a person, may turn: another conditional write in flight; bytes damaged or lost on their way; the
 * clock of a machine that slept; keys that are renewed.
 */
const PASSING = new Set([
  '',
  'BadDigest',
  'ConditionalRequestConflict',
  'ExpiredToken',
  'IncompleteBody',
  'RequestTimeTooSkewed',
  'RequestTimeout',
  'XAmzContentSHA256Mismatch',
]);

/** Network errors carry Node's `code`; an S3 error without a code came inside a 200. */
function passes(error: unknown): boolean {
  if (error instanceof S3Error) return PASSING.has(error.code ?? '');
  return (
    error instanceof Unanswered ||
    (error instanceof Error && !(error instanceof TypeError) && 'code' in error && typeof error.code === 'string')
  );
}

/** Of a certificate that Node does not take. A person has to see to it, so it is told at once; but what runs already waits for that. */
const isUntrusted = (error: unknown): boolean =>
  error instanceof Error &&
  'code' in error &&
  /^(UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|CERT_|INVALID_CA|ERR_TLS_CERT_)/.test(String(error.code));

const REFUSALS = new Set([
  'AccessDenied',
  'AccountProblem',
  'AllAccessDisabled',
  'InvalidAccessKeyId',
  'InvalidSecurity',
  'InvalidToken',
  'SignatureDoesNotMatch',
]);

function final(error: unknown, what: string, place: string): unknown {
  if (!(error instanceof S3Error)) return error;
  // The S3 error is not handed on as cause: it may quote the signed request.
  if (REFUSALS.has(error.code ?? '')) {
    return new Failure('AccessDenied', `Cannot ${what} as ${place} must accept the credentials: ${error.code}`);
  }
  return new Error(`Cannot ${what} as ${place} must accept it: ${error.code} ${error.message}`.trimEnd());
}

function unavailable(error: unknown, what: string, place: string, attempts: number): Failure {
  const state = isUntrusted(error)
    ? `${stateOf(error)}; name whom to trust in AWS_CA_BUNDLE`
    : `${stateOf(error)}, after ${attempts} attempts`;
  const message = `Cannot ${what} as ${place} must answer: ${state}`;
  return new Failure('StoreUnavailable', message, error instanceof S3Error ? {} : { cause: error }); // see `final`
}

function stateOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error ? String(error.code) : '';
  return (error instanceof S3Error ? `${code} ${error.message}`.trim() : error.message || code) || error.name;
}

/** What an S3 says when there is no such object; a HEAD has no text and hence only the second. */
export const ABSENT = ['NoSuchKey', 'NotFound'];

/** The result of `action`, or undefined when the store answers with one of these error codes. */
export async function orCode<T>(codes: string[], action: () => Promise<T>): Promise<T | undefined> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof S3Error && codes.includes(error.code ?? '')) return undefined;
    throw error;
  }
}

/** Every object under `prefix`, in key order, a page of 1,000 at a time. */
export async function* listObjects({ client, bucket, attempt }: Connection, prefix: string): AsyncGenerator<ListedObject> {
  let token: string | undefined = '';
  while (token !== undefined) {
    const from: string = token;
    const page = await attempt(`list "${prefix}"`, () => client.listObjectsV2Query(bucket, prefix, from, '', 1000, ''));
    for (const { name, size, lastModified } of page.objects) {
      if (name !== undefined) yield { key: name, bytes: size, modified: lastModified ?? new Date(0) };
    }
    token = page.isTruncated ? page.nextContinuationToken : undefined;
  }
}
