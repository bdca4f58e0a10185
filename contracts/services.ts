/** Where the servers of a run are: embedded ones, or the user's own. */
import type { Environment } from './environment.ts';

export type S3Access = { endpoint: string; bucket: string; accessKey: string; secretKey: string; sessionToken?: string; region: string };
export type TemporalAccess = { address: string; namespace: string; apiKey?: string /** Address of the web UI, for links. */; ui?: string };
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
  } = environment;
  return {
    temporal: TEMPORAL_ADDRESS
      ? { address: TEMPORAL_ADDRESS, namespace: TEMPORAL_NAMESPACE, apiKey: TEMPORAL_API_KEY, ui: TEMPORAL_UI_URL }
      : undefined,
    s3: S3_ENDPOINT
      ? {
          endpoint: S3_ENDPOINT,
          bucket: S3_BUCKET,
          accessKey: AWS_ACCESS_KEY_ID ?? '',
          secretKey: AWS_SECRET_ACCESS_KEY ?? '',
          sessionToken: AWS_SESSION_TOKEN,
          region: AWS_REGION,
        }
      : undefined,
  };
}
