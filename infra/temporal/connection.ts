/**
 * How a Temporal server is reached, for whoever connects: workers, commands, set-up. Certificates are read and looked at before anything
 * is sent, and where a connection fails, its TLS is tried by itself to say which setting is to blame: gRPC's own words do not.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect } from 'node:http2';
import { isIP } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Pem, TemporalAccess, TemporalTls } from '../../contracts/services.ts';

type TlsOptions = {
  serverNameOverride?: string;
  serverRootCACertificate?: Buffer;
  clientCertPair?: { crt: Buffer; key: Buffer };
};
/** What both clients of Temporal take. */
export type ConnectionOptions = { address: string; apiKey?: string; tls: TlsOptions | false };

const HANDSHAKE_MS = 5_000;

/** @throws Error naming the variable whose file cannot be read, is no certificate or key, has expired, or does not go with the other */
export function connectionOptions({ address, apiKey, tls }: TemporalAccess): ConnectionOptions {
  return { address, apiKey, tls: tls === undefined ? false : tlsOptions(tls) };
}

function tlsOptions({ serverName, serverCa, clientCert, clientKey }: TemporalTls): TlsOptions {
  const [root, crt, key] = [serverCa, clientCert, clientKey].map((pem) => pem && readPem(pem));
  if (root && serverCa) certificateIn(root, serverCa);
  if (crt && key && clientCert && clientKey) {
    const certificate = certificateIn(crt, clientCert);
    if (new Date(certificate.validTo) < new Date())
      throw unfit(clientCert, `hold a certificate that is valid: it expired on ${certificate.validTo}`);
    if (!certificate.checkPrivateKey(keyIn(key, clientKey)))
      throw unfit(clientKey, `hold the key of the certificate in ${clientCert.variable}: it is another one's`);
  }
  return {
    serverNameOverride: serverName,
    serverRootCACertificate: root,
    clientCertPair: crt && key ? { crt, key } : undefined,
  };
}

function readPem(pem: Pem): Buffer {
  if (pem.path === undefined) return Buffer.from(pem.data ?? '');
  try {
    return readFileSync(pem.path);
  } catch (error) {
    throw unfit(pem, `name a file to read: ${(error as Error).message}`);
  }
}

/** The first of them, in a chain. */
function certificateIn(bytes: Buffer, pem: Pem): X509Certificate {
  try {
    return new X509Certificate(bytes);
  } catch {
    throw unfit(pem, `hold a certificate in PEM: ${pem.path ?? 'it'} holds none`);
  }
}

function keyIn(bytes: Buffer, pem: Pem) {
  try {
    return createPrivateKey(bytes);
  } catch {
    throw unfit(pem, `hold a private key in PEM, without a password: ${pem.path ?? 'it'} holds none`);
  }
}

const unfit = ({ variable }: Pem, rule: string) => new Error(`Cannot connect to Temporal as ${variable} must ${rule}`);

/** Why a connection failed, when a setting is to blame: which one, and what to do; otherwise undefined. */
export async function settingToBlame(access: TemporalAccess, error: Error): Promise<string | undefined> {
  if ('code' in error && (error.code === 16 || error.code === 7))
    return `it refuses ${access.apiKey ? 'TEMPORAL_API_KEY' : 'us, without TEMPORAL_API_KEY'}`; // unauthenticated, permission denied
  const { tls } = connectionOptions(access);
  const outcome = await handshake(access.address, tls).catch(() => 'silence'); // what cannot even be tried says nothing
  if (outcome === 'well' || outcome === 'silence')
    return tls === false && outcome === 'well' ? 'it speaks TLS: set TEMPORAL_TLS=true' : undefined;
  return tls === false ? undefined : blamed(outcome, access.tls ?? {});
}

const UNTRUSTED = /^(UNABLE_TO_(GET_ISSUER|VERIFY)|DEPTH_ZERO_SELF_SIGNED|SELF_SIGNED|CERT_UNTRUSTED|CERT_SIGNATURE_FAILURE|INVALID_CA)/;

function blamed(code: string, { serverCa, clientCert }: TemporalTls): string | undefined {
  const ca = serverCa?.variable ?? 'TEMPORAL_TLS_SERVER_CA_CERT_PATH';
  const client = clientCert?.variable ?? 'TEMPORAL_TLS_CLIENT_CERT_PATH';
  if (UNTRUSTED.test(code))
    return `its certificate is not of ${serverCa ? `an authority in ${ca}` : `a usual authority: name its own in ${ca}`} (${code})`;
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID')
    return `its certificate, or that of its authority in ${ca}, is not valid now (${code})`;
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return `its certificate is of another name: set TEMPORAL_TLS_SERVER_NAME to that (${code})`;
  if (/WRONG_VERSION|PACKET_LENGTH|ERR_SSL_HTTP_REQUEST/.test(code)) return `it speaks no TLS: unset TEMPORAL_TLS and its like (${code})`;
  if (code === 'closed' || code === 'ECONNRESET' || code.includes('ALERT')) {
    const it = code.includes('ALERT') ? 'it' : 'it ends the connection, as one that'; // others may do that, too
    return clientCert
      ? `${it} refuses the client certificate in ${client} (${code})`
      : `${it} wants a client certificate: name one in ${client} and TEMPORAL_TLS_CLIENT_KEY_PATH (${code})`;
  }
  return undefined;
}

/**
 * Only a TLS connection, up to the first words of HTTP/2: with TLS 1.3 a server refuses a client when that thinks that all is well.
 * @returns `well`, `silence`, `closed`, or the code of Node's error
 */
function handshake(address: string, tls: TlsOptions | false): Promise<string> {
  const { hostname, port } = new URL(`grpc://${address}`);
  const host = hostname.replace(/^\[|\]$/g, ''); // of an IPv6 address
  const { serverNameOverride, serverRootCACertificate: ca, clientCertPair } = tls || {};
  const identity = { ca, cert: clientCertPair?.crt, key: clientCertPair?.key, rejectUnauthorized: tls !== false };
  const servername = serverNameOverride ?? (isIP(host) ? '' : host);
  return new Promise((resolve) => {
    const socket = connectTls({ host, port: Number(port || 7233), ...identity, servername, ALPNProtocols: ['h2'] });
    const session = connect(`https://${address}`, { createConnection: () => socket });
    const end = (outcome: string) => {
      clearTimeout(timer);
      resolve(outcome);
      session.destroy();
      socket.destroy();
    };
    const timer = setTimeout(() => end('silence'), HANDSHAKE_MS);
    for (const side of [socket, session] as const)
      side.on('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message)).once('close', () => end('closed'));
    session.once('remoteSettings', () => end('well'));
  });
}
