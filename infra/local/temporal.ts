/** The namespace of a Temporal server: there, with our search attributes, and keeping finished runs long enough. */
import { Connection } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time.js';
import { SEARCH_ATTRIBUTES } from '../../contracts/queues.ts';
import type { TemporalAccess } from '../../contracts/services.ts';
import { connectionOptions } from '../temporal/connection.ts';

/** The development server forgets finished runs after a day. */
export const RETENTION_SECONDS = 365 * 24 * 3600;
/** Numbers of temporal.api.enums.v1.IndexedValueType. */
const INDEXED = { Text: 1, Keyword: 2, Int: 3, Double: 4, Bool: 5, Datetime: 6, KeywordList: 7 } as const;

/** @throws Error when the server does not answer in time, or lacks the namespace */
export async function prepareTemporal(access: TemporalAccess, { retain }: { retain: boolean }): Promise<void> {
  const { namespace } = access;
  const connection = await Connection.connect({ ...connectionOptions(access), connectTimeout: '5 seconds' });
  try {
    await connection.withDeadline(Date.now() + 10_000, async () => {
      if (retain) await keepForAYear(connection, namespace);
      await registerAttributes(connection, namespace);
    });
  } finally {
    await connection.close();
  }
}

async function keepForAYear({ workflowService }: Connection, namespace: string): Promise<void> {
  const { config } = await workflowService.describeNamespace({ namespace });
  if (Number(config?.workflowExecutionRetentionTtl?.seconds ?? 0) >= RETENTION_SECONDS) return;
  await workflowService.updateNamespace({ namespace, config: { workflowExecutionRetentionTtl: msToTs(RETENTION_SECONDS * 1000) } });
}

async function registerAttributes({ operatorService }: Connection, namespace: string): Promise<void> {
  const { customAttributes } = await operatorService.listSearchAttributes({ namespace });
  const missing = Object.entries(SEARCH_ATTRIBUTES).filter(([name]) => customAttributes?.[name] === undefined);
  if (missing.length === 0) return;
  await operatorService.addSearchAttributes({
    namespace,
    searchAttributes: Object.fromEntries(missing.map(([name, type]) => [name, INDEXED[type]])),
  });
}
