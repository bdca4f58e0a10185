import { Client, Connection } from '@temporalio/client';
import { beforeAll, describe, expect, inject, test } from 'vitest';
import { size, table } from '../../cli/commands/clean.ts';
import type { Manifest } from '../../contracts/artifacts.ts';
import { WORKFLOW_TYPE } from '../../contracts/queues.ts';
import { openArtifacts } from '../../store/artifacts.ts';
import { artifactKey } from '../../store/digest.ts';
import { partOf } from '../../store/keys.ts';
import { openS3 } from '../../store/s3.ts';
import { listed, type Store } from '../../store/store.ts';
import { fewlabels } from './command.ts';

test('size: three digits at most', () => {
  expect([0, 950, 1000, 12_345, 999_000_000, 2.5e9, 3e16].map(size)).toEqual([
    '0 bytes',
    '950 bytes',
    '1 kB',
    '12.3 kB',
    '999 MB',
    '2.5 GB',
    '30000 TB',
  ]);
});

test('table: a line for each kind, numbers to the right', () => {
  const rows = [
    { what: 'views that no run reads', objects: 12, bytes: 1_250_000 },
    { what: 'together', objects: 12, bytes: 1_250_000 },
  ];
  expect(table(rows)).toEqual([
    'what                     objects     size',
    'views that no run reads       12  1.25 MB',
    'together                      12  1.25 MB',
  ]);
});

describe('fewlabels clean', () => {
  const { s3, temporal } = inject('services');
  const access = { ...s3, bucket: 'cleaned-by-a-test' };
  const NAMESPACE = 'default'; // no run of another test is going in there
  const environment = {
    S3_ENDPOINT: s3.endpoint,
    S3_BUCKET: access.bucket,
    AWS_ACCESS_KEY_ID: s3.accessKey,
    AWS_SECRET_ACCESS_KEY: s3.secretKey,
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_NAMESPACE: NAMESPACE,
  };
  const clean = (...args: string[]) => fewlabels(['clean', ...args], environment);
  const json = async (...args: string[]) => JSON.parse((await clean('--json', ...args)).out);
  const artifact = (stage: 'views' | 'student') => {
    const origin = { stage, slice: {}, inputs: [] };
    return { ...origin, key: artifactKey({ ...origin, version: 1 }) };
  };
  const objects = [{ name: 'data', body: Buffer.from('0123456789') }];
  let store: Store;
  let student: Manifest;

  beforeAll(async () => {
    store = await openS3(access);
    const artifacts = openArtifacts(store, {});
    await artifacts.commit({ ...artifact('views'), objects, facts: {}, made: {} });
    await artifacts.commitCheckpoint({ ...artifact('student'), step: 1, objects, facts: { step: 1 }, made: {} });
    student = await artifacts.commit({ ...artifact('student'), objects, facts: {}, made: {} });
  });

  test('fewlabels clean: without --delete it says what it would delete, and deletes nothing', async () => {
    const before = await listed(store, '');
    const { status, out, err } = await clean();
    expect([status, err]).toEqual([0, 'Nothing is deleted yet: `npx fewlabels clean --delete` does it\n']);
    expect(out).toMatch(/^what +objects +size\ncheckpoints of finished trainings +2 .*\nviews that no run reads +2 .*\ntogether +4 .*\n$/);
    expect(await listed(store, '')).toEqual(before);
  });

  test('fewlabels clean: while a run is going its views stay', async () => {
    const connection = await Connection.connect({ address: temporal.address });
    const { workflow } = new Client({ connection, namespace: NAMESPACE });
    const run = await workflow.start(WORKFLOW_TYPE, { workflowId: 'going', taskQueue: 'nobody-serves-it', args: [] });
    await expect.poll(() => json(), { timeout: 20_000 }).toMatchObject({ running: 1, objects: 2 });
    expect((await clean()).err).toContain('A run is going, so all views stay\n');
    await run.terminate();
    await expect.poll(() => json(), { timeout: 20_000 }).toMatchObject({ running: 0, objects: 4 });
    await connection.close();
  });

  test('fewlabels clean --delete: deletes it, and then nothing is left over', async () => {
    expect(await json('--delete')).toMatchObject({
      deleted: true,
      objects: 4,
      leftovers: [{ objects: 2 }, { objects: 2, bytes: expect.any(Number) }],
    });
    const left = (await listed(store, '')).filter((key) => partOf(key));
    expect(left.toSorted()).toEqual([`5-student/${student.key}/manifest.json`, student.objects[0]?.key].toSorted());
    expect(await json()).toEqual({ deleted: false, running: 0, objects: 0, bytes: 0, leftovers: [] });
    expect((await clean()).err).toBe('Nothing is left over\n');
  });
});
