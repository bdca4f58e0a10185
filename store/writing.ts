/**
 * Writing an object in one PUT, or in parts when it is large. minio-js's own multipart upload is not used: it resumes what
 * another writer began under the same key, numbers parts from 2, and starts over when one part fails.
 */
import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { ABSENT, type Connection, orCode } from './connection.ts';
import type { ObjectInfo } from './store.ts';

const MIB = 1024 * 1024;
/** Above this an object is sent in parts. */
const SINGLE_PUT = 64 * MIB;
/** What is held in memory and sent again after a failure; S3 allows 10,000 parts. */
const PART = 16 * MIB;
const MOST_PARTS = 10_000;

/** Bytes to send, with their number known beforehand. */
type Source = { bytes: number; read(offset: number, length: number): Promise<Buffer> };

/** Write an object from memory or from a file. @throws Error of node:fs when the file cannot be read */
export async function writeObject(
  connection: Connection,
  key: string,
  body: Uint8Array | { file: string },
  contentType: string,
): Promise<ObjectInfo> {
  if (body instanceof Uint8Array) return send(connection, key, fromMemory(body), contentType);
  const handle = await open(body.file);
  try {
    return await send(connection, key, await fromFile(handle, body.file), contentType);
  } finally {
    await handle.close();
  }
}

/** Write a small object unless one is there. @returns false when another writer was first */
export async function writeIfAbsent(connection: Connection, key: string, body: Uint8Array, contentType: string): Promise<boolean> {
  const { client, bucket, attempt } = connection;
  const bytes = asBuffer(body);
  const headers = { 'If-None-Match': '*', 'Content-Type': contentType };
  return attempt(`write "${key}"`, async (count) => {
    const written = await orCode(['PreconditionFailed'], () => client.putObject(bucket, key, bytes, bytes.length, { ...headers }));
    if (written !== undefined) return true;
    // After a lost answer the object in our way may be our own.
    return count > 1 && (await isStored(connection, key, bytes));
  });
}

async function isStored({ client, bucket }: Connection, key: string, bytes: Buffer): Promise<boolean> {
  const stream = await orCode(ABSENT, () => client.getObject(bucket, key));
  if (stream === undefined) return false;
  const parts: Buffer[] = [];
  for await (const chunk of stream) parts.push(chunk);
  return Buffer.concat(parts).equals(bytes);
}

const asBuffer = (body: Uint8Array) => Buffer.from(body.buffer, body.byteOffset, body.byteLength);

function fromMemory(body: Uint8Array): Source {
  return { bytes: body.byteLength, read: async (offset, length) => asBuffer(body).subarray(offset, offset + length) };
}

async function fromFile(handle: FileHandle, file: string): Promise<Source> {
  const { size } = await handle.stat();
  const read = async (offset: number, length: number) => {
    const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(length), 0, length, offset);
    if (bytesRead !== length)
      throw new Error(`Cannot upload "${file}" as it must not change meanwhile: it ends before byte ${offset + length}`);
    return buffer;
  };
  return { bytes: size, read };
}

async function send(connection: Connection, key: string, source: Source, contentType: string): Promise<ObjectInfo> {
  const { client, bucket, attempt } = connection;
  if (source.bytes > SINGLE_PUT) {
    await sendParts(connection, key, source, contentType);
  } else {
    const bytes = await source.read(0, source.bytes);
    await attempt(`write "${key}"`, () => client.putObject(bucket, key, bytes, bytes.length, { 'Content-Type': contentType }));
  }
  return { key, bytes: source.bytes };
}

async function sendParts({ client, bucket, attempt }: Connection, key: string, source: Source, contentType: string): Promise<void> {
  const what = `write "${key}"`;
  const upload = await attempt(what, () => client.initiateNewMultipartUpload(bucket, key, { 'Content-Type': contentType }));
  try {
    const partBytes = Math.max(PART, Math.ceil(source.bytes / MOST_PARTS));
    const parts: { part: number; etag: string }[] = [];
    for (let offset = 0; offset < source.bytes; offset += partBytes) {
      const bytes = await source.read(offset, Math.min(partBytes, source.bytes - offset));
      const headers = { 'Content-MD5': createHash('md5').update(bytes).digest('base64') };
      const config = { bucketName: bucket, objectName: key, uploadID: upload, partNumber: parts.length + 1, headers };
      const { etag, part } = await attempt(what, () => client.uploadPart(config, bytes));
      parts.push({ part, etag });
    }
    await attempt(what, (count) => complete(count));
    async function complete(count: number): Promise<void> {
      const done = await orCode(['NoSuchUpload'], () => client.completeMultipartUpload(bucket, key, upload, parts));
      if (done !== undefined) return;
      // After a lost answer the upload may be complete already.
      const stored = count > 1 ? await orCode(ABSENT, () => client.statObject(bucket, key)) : undefined;
      if (stored?.size !== source.bytes)
        throw new Error(`Cannot ${what} as its upload must stay open until the last part: it was ended by another`);
    }
  } catch (error) {
    await client.abortMultipartUpload(bucket, key, upload).catch(() => undefined); // best effort; the first error counts
    throw error;
  }
}
