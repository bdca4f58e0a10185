import { expect, inject, test } from 'vitest';
import { connect } from '../../store/connection.ts';
import { openS3 } from '../../store/s3.ts';
import { endUploads, openUploads } from '../../store/uploads.ts';

const access = { ...inject('services').s3, bucket: 'uploads-of-a-test' };

test('openUploads, endUploads: those begun before a time, with the bytes of their parts; ended ones are no mistake', async () => {
  await openS3(access);
  const { client, bucket } = connect(access);
  const key = `3-representation/${'0'.repeat(32)}/attempt/large`;
  const body = Buffer.alloc(5 * 1024 * 1024);
  for (const object of [key, 'mine/large']) {
    const uploadID = await client.initiateNewMultipartUpload(bucket, object, {});
    await client.uploadPart({ bucketName: bucket, objectName: object, uploadID, partNumber: 1, headers: {} }, body);
  }
  const tomorrow = new Date(Date.now() + 24 * 3600 * 1000);
  expect(await openUploads(access, new Date(Date.now() - 60_000))).toEqual([]);
  const uploads = await openUploads(access, tomorrow);
  expect(uploads).toMatchObject([{ key, bytes: body.length }]);
  await endUploads(access, uploads);
  await endUploads(access, uploads);
  expect(await openUploads(access, tomorrow)).toEqual([]);
});
