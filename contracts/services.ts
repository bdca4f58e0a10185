/** Where the servers of a run are: embedded ones, or the user's own; and how they are reached. */
import type { Environment } from './environment.ts';

export type S3Access = {
  endpoint: string;
  bucket: string;
  accessKey: string;
  secretKey: string;
  sessionToken?: string;
  region: string;
  /** File of the authorities to trust, instead of the usual ones. */
  caBundle?: string;
};
/** A certificate or a key, and the variable that names it. */
export type Pem = { variable: string; path?: string; data?: string };
export type TemporalTls = { serverName?: string; serverCa?: Pem; clientCert?: Pem; clientKey?: Pem };
export type TemporalAccess = {
  address: string;
  namespace: string;
  apiKey?: string;
  /** Without it, in the clear. */
  tls?: TemporalTls;
  /** Address of the web UI, for links. */
  ui?: string;
};
export type Services = { temporal: TemporalAccess; s3: S3Access /** Address of the MinIO console, when embedded. */; console?: string };

/** The user's own servers, each undefined when the environment does not name it. */
export function servicesFromEnvironment(environment: Environment): { temporal?: TemporalAccess; s3?: S3Access } {
  const {
    TEMPORAL_ADDRESS,
    TEMPORAL_NAMESPACE,
    TEMPORAL_API_KEY,
    TEMPORAL_UI_URL,
    S3_ENDPOINT,
    S3_BUCKET,
    AWS_ACCESS_KEY_ID,
    AWS_SECRET_ACCESS_KEY,
    AWS_SESSION_TOKEN,
    AWS_REGION,
    AWS_CA_BUNDLE,
  } = environment;
  return {
    temporal: TEMPORAL_ADDRESS
      ? { address: TEMPORAL_ADDRESS, namespace: TEMPORAL_NAMESPACE, apiKey: TEMPORAL_API_KEY, tls: tlsOf(environment), ui: TEMPORAL_UI_URL }
      : undefined,
    s3: S3_ENDPOINT
      ? {
          endpoint: S3_ENDPOINT,
          bucket: S3_BUCKET,
          accessKey: AWS_ACCESS_KEY_ID ?? '',
          secretKey: AWS_SECRET_ACCESS_KEY ?? '',
          sessionToken: AWS_SESSION_TOKEN,
          region: AWS_REGION,
          caBundle: AWS_CA_BUNDLE,
        }
      : undefined,
  };
}

/** As in Temporal's other clients: on when it is asked for, when a setting of its own is there, or an API key. */
function tlsOf(environment: Environment): TemporalTls | undefined {
  const { TEMPORAL_TLS, TEMPORAL_TLS_SERVER_NAME, TEMPORAL_API_KEY } = environment;
  if (TEMPORAL_TLS === 'false' || TEMPORAL_TLS === '0') return undefined;
  const tls: TemporalTls = {
    serverName: TEMPORAL_TLS_SERVER_NAME,
    serverCa: pem(environment, 'TEMPORAL_TLS_SERVER_CA_CERT'),
    clientCert: pem(environment, 'TEMPORAL_TLS_CLIENT_CERT'),
    clientKey: pem(environment, 'TEMPORAL_TLS_CLIENT_KEY'),
  };
  const isAsked = TEMPORAL_TLS !== undefined || TEMPORAL_API_KEY !== undefined || Object.values(tls).some((part) => part !== undefined);
  return isAsked ? tls : undefined;
}

const PEMS = ['TEMPORAL_TLS_SERVER_CA_CERT', 'TEMPORAL_TLS_CLIENT_CERT', 'TEMPORAL_TLS_CLIENT_KEY'] as const;

function pem(environment: Environment, name: (typeof PEMS)[number]): Pem | undefined {
  const [path, data] = [environment[`${name}_PATH`], environment[`${name}_DATA`]];
  if (path === undefined && data === undefined) return undefined;
  return path === undefined ? { variable: `${name}_DATA`, data } : { variable: `${name}_PATH`, path };
}

/**
 * What the environment of a worker must say for it to serve these: to be laid over an environment that may name others, whose keys
 * must not go along. Settings of TLS stay as they are where it is used.
 */
export function variablesOf({ temporal, s3 }: Services): Record<string, string> {
  const noTls = ['TEMPORAL_TLS', 'TEMPORAL_TLS_SERVER_NAME', ...PEMS.flatMap((name) => [`${name}_PATH`, `${name}_DATA`])];
  return {
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_NAMESPACE: temporal.namespace,
    TEMPORAL_UI_URL: temporal.ui ?? '',
    TEMPORAL_API_KEY: temporal.apiKey ?? '',
    ...(temporal.tls ? {} : Object.fromEntries(noTls.map((name) => [name, '']))),
    S3_ENDPOINT: s3.endpoint,
    S3_BUCKET: s3.bucket,
    AWS_ACCESS_KEY_ID: s3.accessKey,
    AWS_SECRET_ACCESS_KEY: s3.secretKey,
    AWS_SESSION_TOKEN: s3.sessionToken ?? '',
    AWS_REGION: s3.region,
  };
}
