/** Uploads in parts that were begun and never ended: their parts are stored, and paid for, without being an object. */
import type { S3Access } from '../contracts/services.ts';
import { connect, orCode } from './connection.ts';
import { partOf } from './keys.ts';

export type OpenUpload = { key: string; id: string; bytes: number };

/**
 * Uploads to places of artifacts that were begun before a time. MinIO lists only those begun since it was started, and ends all of them
 * by itself after a day.
 */
export async function openUploads(access: S3Access, before: Date): Promise<OpenUpload[]> {
  const { client, bucket, attempt } = connect(access);
  // `initiated` is there, but not in minio-js's types.
  const found: { key: string; uploadId: string; size: number; initiated?: Date }[] = await attempt('list unfinished uploads', () =>
    client.listIncompleteUploads(bucket, '', true).toArray(),
  );
  const old = found.filter(({ key, initiated }) => partOf(key) && initiated && initiated < before);
  return old.map(({ key, uploadId, size }) => ({ key, id: uploadId, bytes: size }));
}

/** Give them up. One that has ended meanwhile is no mistake. */
export async function endUploads(access: S3Access, uploads: OpenUpload[]): Promise<void> {
  const { client, bucket, attempt } = connect(access);
  for (const { key, id } of uploads)
    await attempt(`end an upload of "${key}"`, () => orCode(['NoSuchUpload'], () => client.abortMultipartUpload(bucket, key, id)));
}
