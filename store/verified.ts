/** Reading objects so that damaged bytes never get through. */
import { createHash, randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { StoredObject } from '../contracts/artifacts.ts';
import { Failure } from '../contracts/failures.ts';
import { sha256 } from './digest.ts';
import { onEach, type Store } from './store.ts';

/** Once more, in case the bytes were damaged on their way. */
const READINGS = 2;

type Measure = { bytes: number; sha256: string };

/** The bytes of an object are not those that its manifest names, or it is gone. */
export class Damaged extends Failure {
  constructor(
    readonly object: StoredObject,
    readonly isGone: boolean,
    state: string,
  ) {
    const { key, bytes, sha256 } = object;
    super('DataIntegrity', `Cannot read "${key}" as it must hold ${bytes} bytes with SHA-256 ${sha256.slice(0, 12)}…: ${state}`);
  }
}

/** The bytes of an object. @throws Damaged when it is missing, or two readings differ from its size or SHA-256 */
export async function readVerified(store: Store, object: StoredObject): Promise<Buffer> {
  let found: Measure | undefined;
  for (let reading = 0; reading < READINGS; reading++) {
    const bytes = await store.get(object.key);
    if (bytes === undefined) throw damaged(object, undefined);
    found = { bytes: bytes.length, sha256: sha256(bytes) };
    if (matches(object, found)) return bytes;
  }
  throw damaged(object, found);
}

/** Why objects cannot all be read: one is gone, or has another size. Undefined when they are there; their bytes are not read. */
export async function lackOf(store: Store, objects: StoredObject[]): Promise<string | undefined> {
  let lack: string | undefined;
  await onEach(objects, async ({ key, bytes }) => {
    const found = lack === undefined ? await store.head(key) : undefined;
    lack ??= found?.bytes === bytes ? undefined : `"${key}" ${found ? `has ${found.bytes} bytes, not ${bytes}` : 'is gone'}`;
  });
  return lack;
}

/** The same as a stream into a file: written beside it, checked, then renamed. The folder is made when it is missing. */
export async function readToFile(store: Store, object: StoredObject, file: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const partial = `${file}.${randomUUID()}.part`;
  try {
    let found: Measure | undefined;
    for (let reading = 0; reading < READINGS; reading++) {
      found = await download(store, object.key, partial);
      if (found === undefined) break;
      if (matches(object, found)) return await rename(partial, file);
    }
    throw damaged(object, found);
  } catch (error) {
    await rm(partial, { force: true });
    const full = error instanceof Error && 'code' in error && error.code === 'ENOSPC';
    throw full
      ? new Failure('ScratchFull', `Cannot write "${file}" as its disk must have space for ${object.bytes} bytes: it is full`, {
          cause: error,
        })
      : error;
  }
}

/**
 * The first `bytes` bytes of an object, or all it has. The SHA-256 is that of the whole, so two readings must agree instead.
 * @throws Failure 'DataIntegrity' when no two of three do; Damaged when the object is missing
 */
export async function readStart(store: Store, object: StoredObject, bytes: number): Promise<Buffer> {
  const range = { offset: 0, length: Math.min(bytes, object.bytes) };
  const seen: Buffer[] = [];
  for (let reading = 0; reading <= READINGS; reading++) {
    const stream = await store.stream(object.key, range);
    if (stream === undefined) throw damaged(object, undefined);
    const found = Buffer.concat(await stream.toArray());
    if (found.length === range.length && seen.some((other) => other.equals(found))) return found;
    seen.push(found);
  }
  const state = seen.map(({ length }) => `${length} bytes`).join(', ');
  throw new Failure('DataIntegrity', `Cannot read "${object.key}" as two readings of its first ${range.length} bytes must agree: ${state}`);
}

async function download(store: Store, key: string, file: string): Promise<Measure | undefined> {
  const stream = await store.stream(key);
  if (stream === undefined) return undefined;
  const hash = createHash('sha256');
  let bytes = 0;
  const measure = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      bytes += chunk.length;
      done(null, chunk);
    },
  });
  await pipeline(stream, measure, createWriteStream(file));
  return { bytes, sha256: hash.digest('hex') };
}

const matches = (object: StoredObject, found: Measure) => found.bytes === object.bytes && found.sha256 === object.sha256;

function damaged(object: StoredObject, found: Measure | undefined): Damaged {
  return new Damaged(object, !found, found ? `${found.bytes} bytes, SHA-256 ${found.sha256.slice(0, 12)}…` : 'it is missing');
}
