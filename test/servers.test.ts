import { Connection } from '@temporalio/client';
import { expect, inject, test } from 'vitest';
import { SEARCH_ATTRIBUTES } from '../contracts/queues.ts';

const { temporal } = inject('services');

test('test servers: the Temporal namespace has every search attribute of a run', async () => {
  const connection = await Connection.connect({ address: temporal.address });
  const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace: temporal.namespace });
  await connection.close();
  expect(Object.keys(customAttributes)).toEqual(expect.arrayContaining(Object.keys(SEARCH_ATTRIBUTES)));
});
