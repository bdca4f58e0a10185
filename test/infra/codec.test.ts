import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { codec as codecFinding } from '../../cli/checkups.ts';
import { readEnvironment } from '../../contracts/environment.ts';
import { codecOf, readKeys } from '../../infra/temporal/codec.ts';
import { end, startCommand } from '../cli/staying.ts';
import { scratch } from '../learning/loops/scratch.ts';

const newKey = () => randomBytes(32).toString('base64');
const [first, second] = [newKey(), newKey()];
const keysOf = (text: string) => readKeys(readEnvironment({ FEWLABELS_CODEC_KEY: text }));
const payload = (value: unknown) => defaultPayloadConverter.toPayload(value) as Payload;
const valueIn = (one: Payload | undefined) => defaultPayloadConverter.fromPayload(one as Payload);

test('codec: what was encrypted is read with its key, also when that is no longer the first', async () => {
  const [sent] = await codecOf(keysOf(first)).encode([payload({ name: 'cells' })]);
  expect(Buffer.from(sent?.data ?? []).toString('latin1')).not.toContain('cells');
  expect(valueIn((await codecOf(keysOf(first)).decode([sent as Payload]))[0])).toEqual({ name: 'cells' });
  expect(valueIn((await codecOf(keysOf(`${second},${first}`)).decode([sent as Payload]))[0])).toEqual({ name: 'cells' });
  const [again] = await codecOf(keysOf(first)).encode([payload({ name: 'cells' })]);
  expect(again?.data).not.toEqual(sent?.data); // never the same nonce
});

test('codec: without a key nothing is encrypted, and what is names the key it wants', async () => {
  const [sent] = await codecOf(keysOf(first)).encode([payload(1)]);
  const [id, other] = [keysOf(first)[0]?.id, keysOf(second)[0]?.id];
  expect(await codecOf([]).encode([payload(1)])).toEqual([payload(1)]);
  expect(await codecOf(keysOf(first)).decode([payload(1)])).toEqual([payload(1)]);
  const missing = { type: 'KeyMissing', kind: 'KeyMissing', nonRetryable: false };
  await expect(codecOf([]).decode([sent as Payload])).rejects.toMatchObject({
    ...missing,
    message: expect.stringContaining(`the key ${id}: it is not set`),
  });
  await expect(codecOf(keysOf(second)).decode([sent as Payload])).rejects.toMatchObject({
    ...missing,
    message: expect.stringContaining(`the key ${id}: it has ${other}`),
  });
});

test.each([0, 11, 12, 20, -1])('codec: a payload whose byte %d was changed is refused', async (at) => {
  const [sent] = await codecOf(keysOf(first)).encode([payload('a long enough text')]);
  const data = Buffer.from(sent?.data ?? []);
  const index = at < 0 ? data.length + at : at;
  data[index] = (data[index] ?? 0) ^ 1;
  await expect(codecOf(keysOf(first)).decode([{ ...sent, data }])).rejects.toMatchObject({ type: 'DataIntegrity', nonRetryable: true });
});

test('codec: a payload cut short is refused, whatever is left of it', async () => {
  const [sent] = await codecOf(keysOf(first)).encode([payload(1)]);
  for (let length = 0; length < (sent?.data?.length ?? 0); length++)
    await expect(codecOf(keysOf(first)).decode([{ ...sent, data: sent?.data?.subarray(0, length) }])).rejects.toMatchObject({
      kind: 'DataIntegrity',
    });
});

test('readKeys: from a file, one a line; what is no key is refused, and not quoted', async () => {
  const file = join(await scratch(), 'keys');
  await writeFile(file, `${first}\n${second}\n`);
  expect(readKeys(readEnvironment({ FEWLABELS_CODEC_KEY_FILE: file }))).toEqual(keysOf(`${first},${second}`));
  const short = Buffer.from('only sixteen bytes').toString('base64');
  expect(() => keysOf(`${first},${short}`)).toThrow(
    /^Cannot encrypt as FEWLABELS_CODEC_KEY must hold keys of 32 bytes in base64 .*: number 2 is not$/,
  );
  expect(() => keysOf('hunter2!')).not.toThrow(/hunter2/);
  expect(() => keysOf('hunter2!')).toThrow(/number 1 is not/);
  expect(() => readKeys(readEnvironment({ FEWLABELS_CODEC_KEY_FILE: `${file}-gone` }))).toThrow(
    /FEWLABELS_CODEC_KEY_FILE must name a file to read: ENOENT/,
  );
});

test('doctor: says the fingerprint of the key, and of older ones', () => {
  const [one, two] = keysOf(`${first},${second}`);
  expect(codecFinding(keysOf(`${first},${second}`)).text).toBe(
    `what goes through Temporal is encrypted with key ${one?.id}; what older keys encrypted is read too: ${two?.id}`,
  );
  expect(codecFinding([]).text).toContain('not encrypted');
});

describe('fewlabels codec', () => {
  const UI = 'http://ui.example.org:8080';
  let endpoint: string;
  let child: ChildProcess;
  beforeAll(async () => {
    const started = await startCommand(['codec', '--port', '0', '--origin', UI], { FEWLABELS_CODEC_KEY: first }, /http:\S+/);
    child = started.child;
    endpoint = started.said;
  }, 200_000);
  afterAll(() => void child?.kill('SIGKILL'));
  const ask = (path: string, payloads: unknown, headers: Record<string, string> = {}) =>
    fetch(`${endpoint}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ payloads }),
    });
  const inJson = ({ metadata, data }: Payload) => ({
    metadata: Object.fromEntries(Object.entries(metadata ?? {}).map(([name, bytes]) => [name, Buffer.from(bytes).toString('base64')])),
    data: Buffer.from(data ?? []).toString('base64'),
  });

  test('it listens on this machine only, and gives back in the clear what it encrypted', async () => {
    expect(endpoint).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    const sent = [inJson(payload({ name: 'cells' })), inJson(payload(undefined))];
    const secret = (await (await ask('/encode', sent)).json()) as { payloads: ReturnType<typeof inJson>[] };
    expect(Buffer.from(secret.payloads[0]?.metadata.encoding ?? '', 'base64').toString()).toBe('binary/encrypted');
    const open = (await (await ask('/decode', secret.payloads)).json()) as typeof secret;
    expect(open.payloads[0]).toEqual(sent[0]);
    expect(open.payloads[1]?.metadata).toEqual(sent[1]?.metadata);
  });

  test('the page of the UI may ask it, another page may not', async () => {
    const asked = await fetch(`${endpoint}/decode`, {
      method: 'OPTIONS',
      headers: { origin: UI, 'access-control-request-headers': 'content-type,x-namespace' },
    });
    expect([asked.status, asked.headers.get('access-control-allow-origin')]).toEqual([204, UI]);
    expect(asked.headers.get('access-control-allow-headers')).toContain('x-namespace');
    expect((await ask('/decode', [], { origin: UI })).status).toBe(200);
    const stranger = await ask('/decode', [], { origin: 'http://evil.example.org' });
    expect([stranger.status, stranger.headers.get('access-control-allow-origin')]).toEqual([403, null]);
  });

  test('what is no request of Temporal’s gets a 4xx, and the next is answered all the same', async () => {
    expect((await fetch(`${endpoint}/decode`)).status).toBe(404);
    expect((await fetch(`${endpoint}/decode`, { method: 'POST', body: '{' })).status).toBe(400);
    expect((await ask('/decode', 'none')).status).toBe(400);
    const [strange] = await codecOf(keysOf(second)).encode([payload(1)]);
    const refused = await ask('/decode', [inJson(strange as Payload)]);
    expect([refused.status, await refused.text()]).toEqual([400, expect.stringContaining('FEWLABELS_CODEC_KEY must have the key')]);
    expect((await ask('/encode', [])).status).toBe(200);
  });

  test('a signal ends it', async () => {
    expect(await end(child)).toBe(0);
  });
});
