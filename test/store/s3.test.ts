import { Agent } from 'node:http';
import { inspect } from 'node:util';
import { AssumeRoleProvider } from 'minio/dist/esm/AssumeRoleProvider.mjs';
import { expect, inject, test } from 'vitest';
import { Failure } from '../../contracts/failures.ts';
import { openS3 } from '../../store/s3.ts';
import { conformance } from './conformance.ts';

const { s3 } = inject('services');
const QUICK = { attempts: 3, firstDelay: 5, longestDelay: 10, silence: 2_000 };

conformance('s3 store', () => openS3(s3));

test('openS3: a missing bucket is made, by several processes at once too', async () => {
  const access = { ...s3, bucket: 'made-by-a-test' };
  const stores = await Promise.all([openS3(access), openS3(access), openS3(access)]);
  await stores[0]?.put('a', Buffer.from('1'));
  expect(await stores[2]?.get('a')).toEqual(Buffer.from('1'));
});

test('openS3: wrong credentials are refused at once, with the place named and the secret not', async () => {
  const secretKey = 'not-the-secret-key';
  const failure: unknown = await openS3({ ...s3, secretKey }).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(Failure);
  expect(failure).toMatchObject({
    kind: 'AccessDenied',
    message: `Cannot open the object store as bucket "fewlabels" at ${s3.endpoint} must accept the credentials: AccessDenied`,
  });
  expect(inspect(failure, { depth: 10, showHidden: true })).not.toContain(secretKey);
});

test('openS3: temporary keys go with their token, and are refused without it', async () => {
  const { endpoint: stsEndpoint, accessKey, secretKey } = s3;
  const credentials = await new AssumeRoleProvider({ stsEndpoint, accessKey, secretKey, transportAgent: new Agent() }).getCredentials();
  const temporary = { ...s3, accessKey: credentials.getAccessKey(), secretKey: credentials.getSecretKey() };
  const store = await openS3({ ...temporary, sessionToken: credentials.getSessionToken() });
  await store.put('temporary-keys', Buffer.from('1'));
  expect(await store.get('temporary-keys')).toEqual(Buffer.from('1'));
  await expect(openS3({ ...temporary, bucket: 'another-bucket' })).rejects.toMatchObject({ kind: 'AccessDenied' });
});

test('openS3: a server that is not there is a retryable failure after the last attempt', async () => {
  const access = { ...s3, endpoint: 'http://127.0.0.1:1' };
  await expect(openS3(access, QUICK)).rejects.toMatchObject({
    kind: 'StoreUnavailable',
    message: expect.stringMatching(/127\.0\.0\.1:1 must answer: .*ECONNREFUSED.*, after 3 attempts$/),
  });
});

test.each(['127.0.0.1:9000', 'ftp://host', 'http://host/path', ''])(
  'openS3: the endpoint %j is refused with the rule',
  async (endpoint) => {
    await expect(openS3({ ...s3, endpoint })).rejects.toThrow(/its endpoint must be http\(s\):\/\/host\[:port\]/);
  },
);

test('openS3: a password in the endpoint does not reach the message', async () => {
  const failure: unknown = await openS3({ ...s3, endpoint: 'http://me:hush@host/x' }).catch((error: unknown) => error);
  expect(String(failure)).toContain('http://host/x');
  expect(String(failure)).not.toContain('hush');
});

test('openS3: printing the store or turning it into JSON does not show the credentials', async () => {
  const store = await openS3(s3);
  expect(inspect(store, { depth: 20, showHidden: true })).not.toContain(s3.secretKey);
  expect(JSON.stringify(store)).not.toContain(s3.secretKey);
});
