/** What a person is told when the way to Temporal or to the store is set up wrong: by commands and by workers, before they do anything. */
import { execFile } from 'node:child_process';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { openSession } from '../../cli/session.ts';
import { readEnvironment } from '../../contracts/environment.ts';
import { servicesFromEnvironment, variablesOf } from '../../contracts/services.ts';
import { connectionOptions, settingToBlame } from '../../infra/temporal/connection.ts';
import { openS3 } from '../../store/s3.ts';
import { type Authority, makeAuthority, openTlsProxy, type Pair, type TlsProxy } from './certificates.ts';

const { temporal, s3 } = inject('services');
const portOf = (address: string) => Number(address.split(':').at(-1));
const QUICK = { attempts: 3, firstDelay: 5, longestDelay: 10, silence: 5_000 };

let ours: Authority;
let theirs: Authority;
let pairs: Record<'server' | 'expired' | 'named' | 'client' | 'expiredClient' | 'stranger', Pair>;
const proxies: TlsProxy[] = [];
/** Ports: of Temporal behind mTLS; behind an expired certificate; behind that of another name; of the store. */
let ports: Record<'mutual' | 'expired' | 'named' | 'store' | 'expiredStore', number>;

beforeAll(async () => {
  [ours, theirs] = await Promise.all([makeAuthority('ours'), makeAuthority('theirs')]);
  pairs = {
    server: await ours.sign('server'),
    expired: await ours.sign('expired', { expired: true }),
    named: await ours.sign('named', { host: 'DNS:temporal.example.org' }),
    client: await ours.sign('client'),
    expiredClient: await ours.sign('expired-client', { expired: true }),
    stranger: await theirs.sign('stranger'),
  };
  const open = async (address: string, pair: Pair, more: Parameters<typeof openTlsProxy>[2]) => {
    const proxy = await openTlsProxy(portOf(address), pair, more);
    proxies.push(proxy);
    return proxy.port;
  };
  ports = {
    mutual: await open(temporal.address, pairs.server, { clients: ours.ca, protocols: ['h2'] }),
    expired: await open(temporal.address, pairs.expired, { protocols: ['h2'] }),
    named: await open(temporal.address, pairs.named, { protocols: ['h2'] }),
    store: await open(s3.endpoint, pairs.server, { protocols: ['http/1.1'] }),
    expiredStore: await open(s3.endpoint, pairs.expired, { protocols: ['http/1.1'] }),
  };
}, 120_000);
afterAll(async () => {
  await Promise.all(proxies.map((proxy) => proxy.close()));
  await Promise.all([ours, theirs].map((authority) => authority && rm(authority.folder, { recursive: true, force: true })));
});

const trusting = (authority: Authority) => ({ TEMPORAL_TLS_SERVER_CA_CERT_PATH: authority.ca });
const as = ({ cert, key }: Pair) => ({ TEMPORAL_TLS_CLIENT_CERT_PATH: cert, TEMPORAL_TLS_CLIENT_KEY_PATH: key });

type Case = { port: 'mutual' | 'expired' | 'named' | 'plain'; variables(): Record<string, string>; says: RegExp };
const CASES: Record<string, Case> = {
  'no client certificate': {
    port: 'mutual',
    variables: () => trusting(ours),
    says: /wants a client certificate: name one in TEMPORAL_TLS_CLIENT_CERT_PATH and TEMPORAL_TLS_CLIENT_KEY_PATH/,
  },
  'a client of another authority': {
    port: 'mutual',
    variables: () => ({ ...trusting(ours), ...as(pairs.stranger) }),
    says: /refuses the client certificate in TEMPORAL_TLS_CLIENT_CERT_PATH/,
  },
  'another authority': {
    port: 'mutual',
    variables: () => ({ ...trusting(theirs), ...as(pairs.client) }),
    says: /its certificate is not of an authority in TEMPORAL_TLS_SERVER_CA_CERT_PATH/,
  },
  'the usual authorities': {
    port: 'mutual',
    variables: () => ({ TEMPORAL_API_KEY: 'one' }),
    says: /its certificate is not of a usual authority: name its own in TEMPORAL_TLS_SERVER_CA_CERT_PATH/,
  },
  'an expired server': {
    port: 'expired',
    variables: () => trusting(ours),
    says: /its certificate, or that of its authority in TEMPORAL_TLS_SERVER_CA_CERT_PATH, is not valid now/,
  },
  'another name': {
    port: 'named',
    variables: () => trusting(ours),
    says: /its certificate is of another name: set TEMPORAL_TLS_SERVER_NAME/,
  },
  'no TLS at all': { port: 'named', variables: () => ({}), says: /it speaks TLS: set TEMPORAL_TLS=true/ },
  'TLS for a server without': { port: 'plain', variables: () => ({ TEMPORAL_TLS: 'true' }), says: /it speaks no TLS: unset TEMPORAL_TLS/ },
};

const variablesFor = ({ port, variables }: Case): Record<string, string> => ({
  TEMPORAL_ADDRESS: `127.0.0.1:${port === 'plain' ? portOf(temporal.address) : ports[port]}`,
  S3_ENDPOINT: s3.endpoint,
  AWS_ACCESS_KEY_ID: s3.accessKey,
  AWS_SECRET_ACCESS_KEY: s3.secretKey,
  ...variables(),
});

const terminal = { say: () => undefined };
const session = (variables: Record<string, string>) => openSession({ environment: readEnvironment(variables), terminal }, { start: false });

describe('connecting to Temporal', () => {
  test.concurrent.each(Object.keys(CASES))('a command that meets %s says which setting is to blame', { timeout: 120_000 }, async (name) => {
    const one = CASES[name] as Case;
    await expect(session(variablesFor(one))).rejects.toThrow(one.says);
  });

  test('with what it asks for, or the name of its certificate, it is reached', { timeout: 120_000 }, async () => {
    const good: Case[] = [
      { port: 'mutual', variables: () => ({ ...trusting(ours), ...as(pairs.client) }), says: /./ },
      { port: 'named', variables: () => ({ ...trusting(ours), TEMPORAL_TLS_SERVER_NAME: 'temporal.example.org' }), says: /./ },
      { port: 'plain', variables: () => ({ ...trusting(ours), TEMPORAL_TLS: 'false' }), says: /./ },
    ];
    for (const one of good) await (await session(variablesFor(one))).close();
  });

  test('a worker says the same and ends', { timeout: 120_000 }, async () => {
    for (const name of ['no client certificate', 'another authority']) {
      const one = CASES[name] as Case;
      const said = await workerWith(variablesFor(one));
      expect(said).toMatch(/^✖ Cannot serve as a Temporal server must answer at 127\.0\.0\.1:\d+: it/m);
      expect(said).toMatch(one.says);
    }
  });

  test('a refused API key is told as one', async () => {
    const [unauthenticated, access] = [Object.assign(new Error('no'), { code: 16 }), { ...temporal, apiKey: 'one' }];
    expect(await settingToBlame(access, unauthenticated)).toBe('it refuses TEMPORAL_API_KEY');
  });
});

describe('settings that are looked at before anything is sent', () => {
  const optionsOf = (variables: Record<string, string>) => {
    const access = servicesFromEnvironment(readEnvironment({ TEMPORAL_ADDRESS: 'nowhere:7233', ...variables })).temporal;
    return access && connectionOptions(access);
  };

  test('files that cannot be read, hold nothing, have expired or do not belong together are named by their variable', async () => {
    const empty = join(ours.folder, 'empty.pem');
    await writeFile(empty, 'nothing\n');
    expect(() => optionsOf({ TEMPORAL_TLS_SERVER_CA_CERT_PATH: '/nowhere.pem' })).toThrow(
      /^Cannot connect to Temporal as TEMPORAL_TLS_SERVER_CA_CERT_PATH must name a file to read: ENOENT/,
    );
    expect(() => optionsOf({ TEMPORAL_TLS_SERVER_CA_CERT_PATH: empty })).toThrow(
      /TEMPORAL_TLS_SERVER_CA_CERT_PATH must hold a certificate in PEM/,
    );
    expect(() => optionsOf({ TEMPORAL_TLS_SERVER_CA_CERT_DATA: 'x' })).toThrow(/TEMPORAL_TLS_SERVER_CA_CERT_DATA must hold a certificate/);
    expect(() => optionsOf({ ...as(pairs.client), TEMPORAL_TLS_CLIENT_KEY_PATH: empty })).toThrow(
      /TEMPORAL_TLS_CLIENT_KEY_PATH must hold a private key/,
    );
    expect(() => optionsOf({ ...as(pairs.client), TEMPORAL_TLS_CLIENT_KEY_PATH: pairs.stranger.key })).toThrow(
      /TEMPORAL_TLS_CLIENT_KEY_PATH must hold the key of the certificate in TEMPORAL_TLS_CLIENT_CERT_PATH/,
    );
    expect(() => optionsOf(as(pairs.expiredClient))).toThrow(
      /TEMPORAL_TLS_CLIENT_CERT_PATH must hold a certificate that is valid: it expired on Jan {1,2}2 /,
    );
  });

  test.each([
    [{ TEMPORAL_TLS_CLIENT_CERT_PATH: 'a' }, 'TEMPORAL_TLS_CLIENT_KEY_PATH: must be set, as the certificate is'],
    [{ TEMPORAL_TLS_CLIENT_KEY_DATA: 'a' }, 'TEMPORAL_TLS_CLIENT_CERT_PATH: must be set, as its key is'],
    [
      { TEMPORAL_TLS_SERVER_CA_CERT_PATH: 'a', TEMPORAL_TLS_SERVER_CA_CERT_DATA: 'b' },
      'must not be set beside TEMPORAL_TLS_SERVER_CA_CERT_DATA',
    ],
    [{ FEWLABELS_CODEC_KEY: 'a', FEWLABELS_CODEC_KEY_FILE: 'b' }, 'must not be set beside FEWLABELS_CODEC_KEY_FILE'],
    [{ TEMPORAL_TLS: 'yes' }, 'TEMPORAL_TLS: must be true or false'],
    [{ TEMPORAL_TLS: 'false', TEMPORAL_API_KEY: 'a' }, 'TEMPORAL_TLS: must not be off, as TEMPORAL_API_KEY would travel in the clear'],
    [{ TEMPORAL_TLS_DISABLE_HOST_VERIFICATION: 'true' }, 'must be off, as servers are always verified'],
  ])('%o is refused: %s', (variables, rule) => {
    expect(() => readEnvironment(variables as Record<string, string>)).toThrow(rule);
  });

  test('TLS is on when it is asked for, with any of its settings, and with an API key', () => {
    const isOn = (variables: Record<string, string>) => Boolean(optionsOf(variables)?.tls);
    const on: Record<string, string>[] = [
      { TEMPORAL_TLS: 'true' },
      { TEMPORAL_API_KEY: 'a' },
      trusting(ours),
      { TEMPORAL_TLS_SERVER_NAME: 'a' },
    ];
    expect(on.map((variables) => isOn(variables))).toEqual([true, true, true, true]);
    expect([isOn({}), isOn({ ...trusting(ours), TEMPORAL_TLS: '0' })]).toEqual([false, false]);
  });

  test('variablesOf: settings meant for other servers do not go along to embedded ones', () => {
    const others = { TEMPORAL_API_KEY: 'secret', AWS_SESSION_TOKEN: 'token', TEMPORAL_TLS: 'true', ...as(pairs.client) };
    const environment = { ...others, ...variablesOf({ temporal, s3 }) };
    expect(servicesFromEnvironment(readEnvironment(environment))).toMatchObject({
      temporal: { address: temporal.address, apiKey: undefined, tls: undefined },
      s3: { endpoint: s3.endpoint, secretKey: s3.secretKey, sessionToken: undefined },
    });
  });
});

describe('S3 over TLS', () => {
  const at = (port: number, caBundle?: string) => ({ ...s3, endpoint: `https://127.0.0.1:${port}`, caBundle });

  test('with its authority in AWS_CA_BUNDLE it is read and written, in several parts too', { timeout: 120_000 }, async () => {
    const store = await openS3(at(ports.store, ours.ca));
    const bytes = Buffer.alloc(12 * 2 ** 20, 'fewlabels');
    await store.put('tls/large', bytes);
    expect((await store.get('tls/large'))?.equals(bytes)).toBe(true);
  });

  test('a certificate of another authority, or an expired one, is told at once, with what to do', async () => {
    const hint = /; name whom to trust in AWS_CA_BUNDLE$/;
    const untrusted = (problem: RegExp) => ({
      kind: 'StoreUnavailable',
      message: expect.stringMatching(new RegExp(problem.source + hint.source)),
    });
    await expect(openS3(at(ports.store), QUICK)).rejects.toMatchObject(untrusted(/(self-signed certificate|unable to verify).*/));
    await expect(openS3(at(ports.store, theirs.ca), QUICK)).rejects.toMatchObject(
      untrusted(/(self-signed certificate|unable to verify).*/),
    );
    await expect(openS3(at(ports.expiredStore, ours.ca), QUICK)).rejects.toMatchObject(untrusted(/certificate has expired/));
  });

  test('a bundle that cannot be read or holds none is named', async () => {
    await expect(openS3(at(ports.store, '/nowhere.pem'))).rejects.toThrow(/AWS_CA_BUNDLE must name a file of certificates in PEM: ENOENT/);
    await expect(openS3(at(ports.store, pairs.client.key))).rejects.toThrow(/client\.key holds none$/);
  });
});

function workerWith(variables: Record<string, string>): Promise<string> {
  const entry = fileURLToPath(new URL('../../workers/data.ts', import.meta.url));
  const env = { PATH: process.env.PATH, HOME: ours.folder, ...variables };
  return new Promise((resolve) => {
    const child = execFile(process.execPath, ['--import', 'tsx', entry], { env }, (_, __, err) =>
      resolve(`${err}status ${child.exitCode}`),
    );
  });
}
