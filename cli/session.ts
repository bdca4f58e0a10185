/** One command's connection to the servers: the user's own where the environment names them, the embedded ones else. */
import { Client, Connection } from '@temporalio/client';
import type { Services } from '../contracts/services.ts';
import { ensureUp, findServices } from '../infra/local/services.ts';
import { codecOf, readKeys } from '../infra/temporal/codec.ts';
import { connectionOptions, settingToBlame } from '../infra/temporal/connection.ts';
import { type Artifacts, openArtifacts } from '../store/artifacts.ts';
import { openS3 } from '../store/s3.ts';
import type { Context, Terminal } from './terminal.ts';

const CONNECT_TIMEOUT = '10 seconds';

export type Session = {
  services: Services;
  client: Client;
  /** Opened when first asked for. @throws Failure 'AccessDenied' or 'StoreUnavailable' */
  artifacts(): Promise<Artifacts>;
  /** Page of a run in the Temporal UI, when its address is known. */
  link(run: string): string | undefined;
  close(): Promise<void>;
};

/**
 * Connect. `start`: bring the embedded servers up when they are not there; otherwise their absence is an error.
 * @throws Error with what to do, after about ten seconds at most when a server of the user's does not answer
 */
export async function openSession(
  { environment, terminal }: Pick<Context, 'environment'> & { terminal: Pick<Terminal, 'say'> },
  { start }: { start: boolean },
): Promise<Session> {
  const dataConverter = { payloadCodecs: [codecOf(readKeys(environment))] };
  const services = start ? await ensureUp(environment, terminal.say) : await findServices(environment);
  if (!services)
    throw new Error(
      'Cannot look as no servers are up: start them with `npx fewlabels up`, or name yours in TEMPORAL_ADDRESS and S3_ENDPOINT',
    );
  const { temporal } = services;
  const connection = await connectTo(services);
  let artifacts: Promise<Artifacts> | undefined;
  return {
    services,
    client: new Client({ connection, namespace: temporal.namespace, dataConverter }),
    artifacts: () => (artifacts ??= openS3(services.s3).then((store) => openArtifacts(store, { writer: 'cli' }))),
    link: (run) => (temporal.ui ? `${temporal.ui.replace(/\/$/, '')}/namespaces/${temporal.namespace}/workflows/${run}` : undefined),
    close: () => connection.close(),
  };
}

async function connectTo({ temporal }: Services): Promise<Connection> {
  const { address, namespace } = temporal;
  const options = { ...connectionOptions(temporal), connectTimeout: CONNECT_TIMEOUT } as const;
  const reasonFor = async (error: Error) => (await settingToBlame(temporal, error)) ?? reasonOf(error);
  const connection = await Connection.connect(options).catch(async (error: Error) => {
    throw new Error(`Cannot connect as a Temporal server must answer at ${address}: ${await reasonFor(error)}`);
  });
  await connection
    .withDeadline(Date.now() + 10_000, () => connection.workflowService.describeNamespace({ namespace }))
    .catch(async (error: Error) => {
      await connection.close();
      throw new Error(
        `Cannot use the Temporal server at ${address} as it must have the namespace "${namespace}": ${await reasonFor(error)}`,
      );
    });
  return connection;
}

/** gRPC's own words, without its code in front. */
export function reasonOf(error: Error): string {
  const details = 'details' in error && typeof error.details === 'string' && error.details !== '' ? error.details : error.message;
  return (details.split('\n')[0] ?? details).replace(/^\d+ [A-Z_]+: /, '');
}
