import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest';
import { sha256 } from '../../store/digest.ts';
import { openS3 } from '../../store/s3.ts';
import type { Store } from '../../store/store.ts';
import { readToFile } from '../../store/verified.ts';
import { bytesOf } from './conformance.ts';
import { type FaultyProxy, openFaultyProxy } from './faulty-proxy.ts';

const { s3 } = inject('services');
const QUICK = { attempts: 4, firstDelay: 5, longestDelay: 20, silence: 20_000 };
/** Takes a second without a byte for a dead server, but is patient enough for a busy test machine. */
const NERVOUS = { ...QUICK, attempts: 10, silence: 1_000 };

let proxy: FaultyProxy;
let store: Store;
let nervous: Store;
/** The same bucket without the proxy. */
let direct: Store;

beforeAll(async () => {
  proxy = await openFaultyProxy(s3.endpoint);
  store = await openS3({ ...s3, endpoint: proxy.endpoint }, QUICK);
  nervous = await openS3({ ...s3, endpoint: proxy.endpoint }, NERVOUS);
  direct = await openS3(s3);
});
afterAll(() => proxy.close());

const to = (method: string, key: string) => (line: string) => line.startsWith(`${method} /${s3.bucket}/${key}`);
const count = (method: string, key: string) => proxy.seen.filter(to(method, key)).length;

test.each([503, 500, 429, 502])('s3 store: HTTP %i is tried again', async (status) => {
  const key = `faults/status-${status}`;
  proxy.arrange(to('PUT', key), { status }, { status });
  await store.put(key, Buffer.from('x'));
  expect(await direct.get(key)).toEqual(Buffer.from('x'));
  expect(count('PUT', key)).toBe(3);
});

test('s3 store: a broken connection is tried again', async () => {
  proxy.arrange(to('PUT', 'faults/reset'), 'reset', 'reset');
  await store.put('faults/reset', Buffer.from('x'));
  proxy.arrange(to('GET', 'faults/reset'), 'reset');
  expect(await store.get('faults/reset')).toEqual(Buffer.from('x'));
});

test('s3 store: a server that says nothing is given up and tried again', async () => {
  proxy.arrange(to('PUT', 'faults/silence'), 'silence');
  await nervous.put('faults/silence', Buffer.from('x'));
  expect(await direct.get('faults/silence')).toEqual(Buffer.from('x'));
});

test('s3 store: a stream that is let go before anybody read of it keeps no connection', async () => {
  await direct.put('faults/unread', randomBytes(8 * 2 ** 20)); // more than lies on the way
  const streams = await Promise.all(Array.from({ length: 20 }, () => store.stream('faults/unread')));
  expect(await proxy.connections()).toBeGreaterThanOrEqual(20);
  for (const stream of streams) stream?.destroy();
  await vi.waitFor(async () => expect(await proxy.connections()).toBeLessThan(20), 10_000);
});

test('s3 store: trouble that lasts is StoreUnavailable, with the last answer named', async () => {
  const body = '<Error><Code>SlowDown</Code></Error>';
  proxy.arrange(to('PUT', 'faults/lasting'), ...Array.from({ length: QUICK.attempts }, () => ({ status: 503, body })));
  await expect(store.put('faults/lasting', Buffer.from('x'))).rejects.toMatchObject({
    kind: 'StoreUnavailable',
    message: expect.stringMatching(/^Cannot write "faults\/lasting" as bucket .* must answer: HTTP 503 SlowDown, after 4 attempts$/),
  });
});

test('s3 store: a refusal is not tried again', async () => {
  proxy.arrange(to('PUT', 'faults/refused'), { status: 403, body: '<Error><Code>AccessDenied</Code></Error>' });
  await expect(store.put('faults/refused', Buffer.from('x'))).rejects.toMatchObject({ kind: 'AccessDenied' });
  expect(count('PUT', 'faults/refused')).toBe(1);
});

test.each(['RequestTimeTooSkewed', 'ExpiredToken', 'RequestTimeout', 'BadDigest'])(
  's3 store: %s passes, so it is tried again',
  async (code) => {
    const key = `faults/${code}`;
    const refusal = { status: 403, body: `<Error><Code>${code}</Code><Message>not now</Message></Error>` };
    proxy.arrange(to('PUT', key), refusal, refusal);
    await store.put(key, Buffer.from('x'));
    expect(await direct.get(key)).toEqual(Buffer.from('x'));
    proxy.arrange(to('GET', key), ...Array.from({ length: QUICK.attempts }, () => refusal));
    const failure = await store.get(key).catch((error: unknown) => error);
    expect(failure).toMatchObject({
      kind: 'StoreUnavailable',
      message: expect.stringContaining(`must answer: ${code} not now, after 4 attempts`),
    });
    expect((failure as Error).cause).toBeUndefined(); // what an S3 says may quote the signed request
  },
);

test('putIfAbsent: a lost answer to our own write counts as won', async () => {
  proxy.arrange(to('PUT', 'faults/own'), 'lose answer');
  expect(await store.putIfAbsent('faults/own', Buffer.from('mine'))).toBe(true);
  expect(count('PUT', 'faults/own')).toBe(2);
});

test('putIfAbsent: a broken connection to an object of another writer counts as lost', async () => {
  await direct.put('faults/theirs', Buffer.from('theirs'));
  proxy.arrange(to('PUT', 'faults/theirs'), 'reset');
  expect(await store.putIfAbsent('faults/theirs', Buffer.from('mine'))).toBe(false);
});

test('stream: a download that breaks goes on where it broke', async () => {
  const bytes = randomBytes(3_000_000);
  await direct.put('faults/download', bytes);
  proxy.arrange(to('GET', 'faults/download'), { cutAfter: 1_000_000 }, 'reset', { cutAfter: 500_000 });
  expect(sha256(await bytesOf(await store.stream('faults/download')))).toBe(sha256(bytes));
  expect(count('GET', 'faults/download')).toBe(4);
});

test('stream: a slow reader is not taken for a silent server', async () => {
  const bytes = randomBytes(2_000_000);
  await direct.put('faults/slow-reader', bytes);
  const stream = await nervous.stream('faults/slow-reader');
  const parts: Buffer[] = [];
  for await (const chunk of stream ?? []) {
    if (parts.length === 0) await new Promise((resolve) => setTimeout(resolve, 2.5 * NERVOUS.silence));
    parts.push(chunk);
  }
  expect(sha256(Buffer.concat(parts))).toBe(sha256(bytes));
  expect(count('GET', 'faults/slow-reader')).toBe(1);
});

test('put: a large upload survives a failed part and a lost answer to its end', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'fewlabels-faults-'));
  const file = join(folder, 'large');
  await writeFile(file, randomBytes(65 * 1024 * 1024));
  proxy.arrange((line) => to('PUT', 'faults/large')(line) && line.includes('partNumber=3'), 'reset', { status: 503 });
  proxy.arrange((line) => to('POST', 'faults/large')(line) && line.includes('uploadId='), 'lose answer');
  await store.put('faults/large', { file });
  expect(count('PUT', 'faults/large')).toBe(7); // five parts of at most 16 MiB, one of them three times
  expect(sha256(await bytesOf(await direct.stream('faults/large')))).toBe(sha256(await readFile(file)));
  await direct.remove(['faults/large']);
  await rm(folder, { recursive: true });
});

test('readToFile: a download that cannot end leaves no file behind', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'fewlabels-faults-'));
  const bytes = randomBytes(100_000);
  await direct.put('faults/unread', bytes);
  proxy.arrange(to('GET', 'faults/unread'), { cutAfter: 10_000 }, 'reset', 'reset', 'reset', 'reset');
  const object = { name: 'unread', key: 'faults/unread', bytes: bytes.length, sha256: sha256(bytes) };
  await expect(readToFile(store, object, join(folder, 'file'))).rejects.toMatchObject({ kind: 'StoreUnavailable' });
  expect(await readdir(folder)).toEqual([]);
  await rm(folder, { recursive: true });
});

test('openS3: a store that lets a second conditional PUT through is refused', async () => {
  const careless = await openFaultyProxy(s3.endpoint);
  careless.arrange((line) => line.startsWith('PUT'), { status: 200 }, { status: 200 });
  await expect(openS3({ ...s3, endpoint: careless.endpoint }, QUICK)).rejects.toThrow(
    /a second PUT with "If-None-Match: \*" must be refused: it was accepted/,
  );
  await careless.close();
});
