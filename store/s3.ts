/** A store in a bucket of an S3: MinIO, AWS, or any other that refuses a second conditional PUT. */

import { Failure } from '../contracts/failures.ts';
import type { S3Access } from '../contracts/services.ts';
import { ABSENT, type Connection, connect, listObjects, orCode, type Patience } from './connection.ts';
import { readBytes, readObject } from './reading.ts';
import type { ObjectInfo, Store } from './store.ts';
import { writeIfAbsent, writeObject } from './writing.ts';

const BYTES = 'application/octet-stream';
/** The most keys that one DELETE request may name. */
const DELETE_BATCH = 1000;

/**
 * Open a bucket as a store; the bucket is made when it is missing. Network errors, 429 and 5xx are waited out for about ten seconds.
 * The credentials stay inside: printing the store does not show them.
 * @throws Failure 'StoreUnavailable' when it does not answer, 'AccessDenied' at once when it refuses the credentials
 * @throws Error when it lets a second conditional PUT through, as then two writers could commit the same artifact
 */
export async function openS3(access: S3Access, patience?: Patience): Promise<Store> {
  const connection = connect(access, patience);
  await ensureBucket(connection);
  await probeOnce(connection);
  return storeOn(connection);
}

function storeOn(connection: Connection): Store {
  const { client, bucket, attempt } = connection;
  return {
    put: (key, body, contentType = BYTES) => writeObject(connection, key, body, contentType),
    putIfAbsent: (key, body, contentType = BYTES) => writeIfAbsent(connection, key, body, contentType),
    get: (key) => readBytes(connection, key),
    stream: (key, range) => readObject(connection, key, range),
    async head(key): Promise<ObjectInfo | undefined> {
      const found = await attempt(`look at "${key}"`, () => orCode(ABSENT, () => client.statObject(bucket, key)));
      return found && { key, bytes: found.size };
    },
    list: (prefix) => listObjects(connection, prefix),
    async remove(keys) {
      for (let i = 0; i < keys.length; i += DELETE_BATCH) await removeBatch(connection, keys.slice(i, i + DELETE_BATCH));
    },
  };
}

async function removeBatch({ client, bucket, place, attempt }: Connection, keys: string[]): Promise<void> {
  const results: unknown[] = await attempt(`delete ${keys.length} objects`, () => client.removeObjects(bucket, keys));
  const problem = results.flatMap(asProblem).find(({ Code }) => Code !== 'NoSuchKey');
  if (problem === undefined) return;
  const message = `Cannot delete "${problem.Key}" as ${place} must allow it: ${problem.Code} ${problem.Message}`;
  throw problem.Code === 'AccessDenied' ? new Failure('AccessDenied', message) : new Error(message);
}

/** minio-js 8.0.7 hands out what stands inside `<Error>`; its types speak of an object around it. */
function asProblem(result: unknown): { Code?: unknown; Key?: unknown; Message?: unknown } | [] {
  if (typeof result !== 'object' || result === null) return [];
  return 'Error' in result && typeof result.Error === 'object' && result.Error !== null ? result.Error : result;
}

async function ensureBucket({ client, bucket, place, attempt }: Connection): Promise<void> {
  const exists = () => attempt('open the object store', () => client.bucketExists(bucket));
  if (await exists()) return;
  // Another process may make it at the same moment.
  await attempt('make a bucket', () =>
    orCode(['BucketAlreadyOwnedByYou', 'BucketAlreadyExists', 'OperationAborted'], () => client.makeBucket(bucket)),
  );
  if (!(await exists())) throw new Error(`Cannot open the object store as ${place} must exist: it could not be made`);
}

const probed = new Map<string, Promise<void>>();

/** Once per process and bucket: an artifact is committed by a conditional PUT, so the store must honour it. */
function probeOnce(connection: Connection): Promise<void> {
  const earlier = probed.get(connection.place);
  if (earlier !== undefined) return earlier;
  const probe = probeConditionalPut(connection);
  probed.set(connection.place, probe);
  probe.catch(() => probed.delete(connection.place));
  return probe;
}

async function probeConditionalPut(connection: Connection): Promise<void> {
  const once = () => writeIfAbsent(connection, 'probe/conditional-put', Buffer.from('1'), 'text/plain');
  const refused = !(await once()) || !(await once());
  if (!refused) {
    throw new Error(`Cannot use ${connection.place} as a second PUT with "If-None-Match: *" must be refused: it was accepted`);
  }
}
