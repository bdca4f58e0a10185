/** An authority of a test's own and what it signs, made by openssl; and a proxy that speaks TLS before a server that does not. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, type TlsOptions } from 'node:tls';
import { promisify } from 'node:util';

/** Paths of a certificate and its key. */
export type Pair = { cert: string; key: string };

export type Authority = {
  folder: string;
  /** Its own certificate. */
  ca: string;
  /** @param expired  valid on one day of 2020 */
  sign(name: string, options?: { expired?: boolean; host?: string }): Promise<Pair>;
};

const openssl = (...args: string[]) => promisify(execFile)('openssl', args);
const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

export async function makeAuthority(name: string): Promise<Authority> {
  const folder = await mkdtemp(join(tmpdir(), 'fewlabels-certificates-'));
  const at = (file: string) => join(folder, file);
  const [ca, caKey] = [at('ca.pem'), at('ca.key')];
  await openssl('req', '-x509', ...KEY, '-days', '2', '-subj', `/CN=${name}`, '-keyout', caKey, '-out', ca);
  await writeFile(at('index.txt'), '');
  await writeFile(
    at('ca.cnf'),
    `[ca]\ndefault_ca = own\n[own]\ndatabase = ${at('index.txt')}\nnew_certs_dir = ${folder}\nrand_serial = yes\ndefault_md = sha256\npolicy = any\nunique_subject = no\ncopy_extensions = copy\n[any]\ncommonName = supplied\n`,
  );
  return {
    folder,
    ca,
    async sign(name, { expired = false, host = 'IP:127.0.0.1' } = {}) {
      const [request, cert, key] = [at(`${name}.csr`), at(`${name}.pem`), at(`${name}.key`)];
      await openssl('req', ...KEY, '-subj', `/CN=${name}`, '-addext', `subjectAltName=${host}`, '-keyout', key, '-out', request);
      const dates = expired ? ['-startdate', '200101000000Z', '-enddate', '200102000000Z'] : ['-days', '2'];
      const by = ['-config', at('ca.cnf'), '-cert', ca, '-keyfile', caKey];
      await openssl('ca', '-batch', '-notext', ...by, ...dates, '-in', request, '-out', cert);
      return { cert, key };
    },
  };
}

export type TlsProxy = { port: number; close(): Promise<void> };

/**
 * @param target     port of the server behind
 * @param clients    file of the authority whose clients are let in; without it, all are
 * @param protocols  what is agreed upon in the handshake: `h2` for gRPC
 */
export async function openTlsProxy(
  target: number,
  pair: Pair,
  { clients, protocols }: { clients?: string; protocols: string[] },
): Promise<TlsProxy> {
  const [cert, key, ca] = await Promise.all([pair.cert, pair.key, clients].map((file) => file && readFile(file)));
  const options: TlsOptions = {
    cert,
    key,
    ca,
    requestCert: clients !== undefined,
    rejectUnauthorized: clients !== undefined,
    ALPNProtocols: protocols,
  };
  const sockets = new Set<Socket>();
  const keep = (socket: Socket) => sockets.add(socket.once('close', () => sockets.delete(socket)).on('error', () => socket.destroy()));
  const server = createServer(options, (client) => {
    const behind = connect(target, '127.0.0.1');
    keep(client);
    keep(behind);
    client.pipe(behind).pipe(client);
    client.once('close', () => behind.destroy());
    behind.once('close', () => client.destroy());
  }).on('tlsClientError', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
