/** Where the servers of a data folder are: those named in the environment, else the embedded ones. */
import type { Environment } from '../../contracts/environment.ts';
import { type Services, servicesFromEnvironment } from '../../contracts/services.ts';
import { readKeys } from '../temporal/codec.ts';
import type { Credentials } from './home.ts';
import { HOST } from './ports.ts';
import type { Ports } from './record.ts';

/** The services as a client sees them. */
export function servicesAt(environment: Environment, ports: Ports, credentials: Credentials | undefined): Services {
  const { temporal, s3 } = servicesFromEnvironment(environment);
  if (s3 === undefined && credentials === undefined)
    throw new Error('Cannot use the embedded MinIO as its credentials must be there: credentials.json is missing');
  return {
    temporal: temporal ?? {
      address: `${HOST}:${ports.temporal}`,
      namespace: environment.TEMPORAL_NAMESPACE,
      ui: `http://${HOST}:${ports.ui}`,
    },
    s3: s3 ?? {
      endpoint: `http://${HOST}:${ports.minio}`,
      bucket: environment.S3_BUCKET,
      region: environment.AWS_REGION,
      accessKey: credentials?.accessKey ?? '',
      secretKey: credentials?.secretKey ?? '',
    },
    console: s3 ? undefined : `http://${HOST}:${ports.console}`,
  };
}

/** The servers that workers started with this environment serve, in words. Two environments with the same words share workers. */
export function serves(environment: Environment): string {
  const { temporal, s3 } = servicesFromEnvironment(environment);
  const { TEMPORAL_NAMESPACE, S3_BUCKET } = environment;
  const [key] = readKeys(environment);
  const encrypted = key ? `, encrypted with key ${key.id}` : '';
  return `Temporal ${temporal?.address ?? 'embedded'} (${TEMPORAL_NAMESPACE}), S3 ${s3?.endpoint ?? 'embedded'} (${S3_BUCKET})${encrypted}`;
}
