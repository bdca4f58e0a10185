import { expect, test } from 'vitest';
import { readEnvironment } from '../../contracts/environment.ts';
import { servicesFromEnvironment } from '../../contracts/services.ts';
import { workerProcess } from '../../infra/local/children.ts';

const TEMPORAL = { address: '127.0.0.1:7233', namespace: 'fewlabels' };
const EMBEDDED = {
  endpoint: 'http://127.0.0.1:9000',
  bucket: 'fewlabels',
  accessKey: 'fewlabels',
  secretKey: 'secret',
  region: 'us-east-1',
};

test('workerProcess: gets the session token of the store it is to use, and none that is meant for other keys', () => {
  const theirs = {
    S3_ENDPOINT: 'https://s3.example.org',
    AWS_ACCESS_KEY_ID: 'key',
    AWS_SECRET_ACCESS_KEY: 'secret',
    AWS_SESSION_TOKEN: 'token',
  };
  const { s3 } = servicesFromEnvironment(readEnvironment(theirs));
  expect(s3).toMatchObject({ accessKey: 'key', secretKey: 'secret', sessionToken: 'token' });
  const tokenOf = (services: Parameters<typeof workerProcess>[1]['services']) =>
    readEnvironment(workerProcess('data', { services, env: theirs }).env ?? {}).AWS_SESSION_TOKEN;
  expect(tokenOf({ temporal: TEMPORAL, s3: s3 ?? EMBEDDED })).toBe('token');
  expect(tokenOf({ temporal: TEMPORAL, s3: EMBEDDED })).toBeUndefined();
});
