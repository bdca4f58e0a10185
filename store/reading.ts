/** Reading an object: where the connection breaks, the rest is asked for again, so that a long download survives a server restart. */
import { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { ABSENT, type Connection, orCode, type Range } from './connection.ts';
import { Unanswered } from './transport.ts';

/**
 * A stream of an object's bytes, or of a part of them, or undefined when the answer has one of the codes of `absent`.
 * @throws Error when the range starts beyond the end of the object (code InvalidRange)
 */
export async function readObject(connection: Connection, key: string, range?: Range, absent = ABSENT): Promise<Readable | undefined> {
  const answer = await ask(connection, key, range, absent);
  if (answer === undefined) return undefined;
  const stream = Readable.from(answer.chunks, { objectMode: false });
  return stream.once('close', () => answer.first.destroy()); // chunks that nobody asked for never came to their own end
}

/** The same as bytes, which lie in memory once: chunks are put where they belong as they come. */
export async function readBytes(connection: Connection, key: string, range?: Range, absent = ABSENT): Promise<Buffer | undefined> {
  const answer = await ask(connection, key, range, absent);
  if (answer === undefined) return undefined;
  const bytes = Buffer.allocUnsafeSlow(answer.bytes); // not of Node's pool, which a small object would hold as a whole
  let at = 0;
  for await (const chunk of answer.chunks) at += chunk.copy(bytes, at);
  return bytes;
}

type Answer = { bytes: number; first: Readable; chunks: AsyncGenerator<Buffer> };

async function ask(connection: Connection, key: string, range: Range | undefined, absent: string[]): Promise<Answer | undefined> {
  const first = await connection.attempt(`read "${key}"`, () => orCode(absent, () => request(connection, key, range)));
  if (first === undefined) return undefined;
  const offset = range?.offset ?? 0;
  const bytes = Math.min(announced(first), range?.length ?? Number.POSITIVE_INFINITY);
  return { bytes, first, chunks: chunks(connection, key, offset, offset + bytes, first) };
}

/** minio-js takes a length of 0 for "to the end", so an empty range asks for one byte. */
function request({ client, bucket }: Connection, key: string, range?: Range): Promise<Readable> {
  return client.getPartialObject(bucket, key, range?.offset ?? 0, range && Math.max(1, range.length));
}

async function* chunks(connection: Connection, key: string, offset: number, end: number, first: Readable): AsyncGenerator<Buffer> {
  let at = offset;
  let source = first;
  let iterator = source.iterator();
  const renew = async () => {
    source = await request(connection, key, { offset: at, length: end - at });
    iterator = source.iterator();
  };
  try {
    while (at < end) {
      const chunk: Buffer = await connection.attempt(`read "${key}"`, async (attempt) => {
        if (attempt > 1) await renew();
        const next: IteratorResult<Buffer> = await iterator.next();
        if (next.done) throw new Unanswered(`the answer ended after ${at - offset} bytes`);
        return next.value;
      });
      at += chunk.length;
      yield chunk;
    }
  } finally {
    source.destroy();
  }
}

/** Bytes this answer will bring; every S3 says so for objects. */
function announced(response: Readable): number {
  const length = response instanceof IncomingMessage ? response.headers['content-length'] : undefined;
  if (length === undefined) throw new Error('Cannot read an object as the object store must announce its length: no content-length');
  return Number(length);
}
