/** What every store must do. One suite, run on each of them. */
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sha256, sha256OfFile } from '../../store/digest.ts';
import type { Store } from '../../store/store.ts';

const MIB = 1024 * 1024;

export async function bytesOf(stream: Readable | undefined): Promise<Buffer> {
  if (stream === undefined) throw new Error('Cannot read an object as it must be there');
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

export async function keysOf(store: Store, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(prefix)) keys.push(key);
  return keys;
}

/** @param open gives the store under test; each call of the suite works under a prefix of its own */
export function conformance(name: string, open: () => Promise<Store>): void {
  const home = `conformance-${randomUUID()}`;
  const at = (key: string) => `${home}/${key}`;
  let store: Store;
  let folder: string;

  describe(name, () => {
    beforeAll(async () => {
      store = await open();
      folder = await mkdtemp(join(tmpdir(), 'fewlabels-store-'));
    });
    afterAll(async () => {
      await store.remove(await keysOf(store, `${home}/`));
      await rm(folder, { recursive: true });
    });

    test('put: an object is read back as written, and replaced by the next', async () => {
      const first = await store.put(at('put'), Buffer.from('first'));
      expect(first).toEqual({ key: at('put'), bytes: 5 });
      await store.put(at('put'), Buffer.from('the second'));
      expect(await store.get(at('put'))).toEqual(Buffer.from('the second'));
      expect(await store.head(at('put'))).toEqual({ key: at('put'), bytes: 10 });
    });

    test('put: a view of a larger buffer is written as the view only', async () => {
      const whole = new Uint8Array([9, 9, 1, 2, 3, 9]);
      await store.put(at('view'), whole.subarray(2, 5));
      expect(await store.get(at('view'))).toEqual(Buffer.from([1, 2, 3]));
    });

    test('put: an empty object exists and has no bytes', async () => {
      await store.put(at('empty'), new Uint8Array(0));
      expect(await store.head(at('empty'))).toEqual({ key: at('empty'), bytes: 0 });
      expect(await store.get(at('empty'))).toEqual(Buffer.alloc(0));
      expect(await bytesOf(await store.stream(at('empty')))).toEqual(Buffer.alloc(0));
    });

    test('put: a missing file is an error and leaves no object', async () => {
      await expect(store.put(at('no-file'), { file: join(folder, 'missing') })).rejects.toThrow(/ENOENT/);
      expect(await store.head(at('no-file'))).toBeUndefined();
    });

    test('put: a file of 70 MiB comes back with the same digest', async () => {
      const file = join(folder, 'large');
      const part = randomBytes(7 * MIB);
      await writeFile(
        file,
        Array.from({ length: 10 }, () => part),
      ); // equal parts, which minio-js’s own multipart upload confuses
      const { bytes, sha256: digest } = await sha256OfFile(file);
      expect(await store.put(at('large'), { file })).toEqual({ key: at('large'), bytes });
      expect(await store.head(at('large'))).toEqual({ key: at('large'), bytes: 70 * MIB });
      expect(sha256(await bytesOf(await store.stream(at('large'))))).toBe(digest);
      const across = await bytesOf(await store.stream(at('large'), { offset: 64 * MIB - 3, length: 6 }));
      expect(across).toEqual(Buffer.from(part.subarray(MIB - 3, MIB + 3))); // 64 MiB lies 1 MiB into the tenth part
    });

    test('putIfAbsent: of 20 writers at once exactly one wins, and its bytes stay', async () => {
      const bodies = Array.from({ length: 20 }, (_, i) => Buffer.from(`writer ${i}`));
      const won = await Promise.all(bodies.map((body) => store.putIfAbsent(at('contested'), body)));
      expect(won.filter(Boolean)).toHaveLength(1);
      expect(await store.get(at('contested'))).toEqual(bodies[won.indexOf(true)]);
      expect(await store.putIfAbsent(at('contested'), Buffer.from('late'))).toBe(false);
    });

    test('putIfAbsent: after a removal the key is free again', async () => {
      await store.put(at('freed'), Buffer.from('a'));
      await store.remove([at('freed')]);
      expect(await store.putIfAbsent(at('freed'), Buffer.from('b'))).toBe(true);
    });

    test('get, stream, head: a missing object is undefined', async () => {
      expect(await store.get(at('missing'))).toBeUndefined();
      expect(await store.stream(at('missing'))).toBeUndefined();
      expect(await store.head(at('missing'))).toBeUndefined();
    });

    test('stream: a range gives those bytes, cut at the end of the object', async () => {
      await store.put(at('range'), Buffer.from('0123456789'));
      const range = async (offset: number, length: number) =>
        (await bytesOf(await store.stream(at('range'), { offset, length }))).toString();
      expect(await range(0, 1)).toBe('0');
      expect(await range(3, 4)).toBe('3456');
      expect(await range(9, 1)).toBe('9');
      expect(await range(8, 100)).toBe('89');
      expect(await range(4, 0)).toBe('');
      await expect(range(10, 1)).rejects.toThrow();
    });

    test('list: "run/1/" does not list "run/10/", and keys come in order with their sizes', async () => {
      for (const key of ['run/10/a', 'run/1/b', 'run/1/a/deep', 'run/2/a']) await store.put(at(key), Buffer.from(key));
      const found = [];
      for await (const info of store.list(at('run/1/'))) found.push(info);
      expect(found).toEqual([
        { key: at('run/1/a/deep'), bytes: 12, modified: expect.any(Date) },
        { key: at('run/1/b'), bytes: 7, modified: expect.any(Date) },
      ]);
      for (const { modified } of found) expect(Math.abs(modified.getTime() - Date.now())).toBeLessThan(60_000);
      expect(await keysOf(store, at('run/'))).toHaveLength(4);
      expect(await keysOf(store, at('nothing/'))).toEqual([]);
    });

    test('list, remove: more than one page of 1,000 keys', async () => {
      const keys = Array.from({ length: 1005 }, (_, i) => at(`many/${String(i).padStart(4, '0')}`));
      for (let i = 0; i < keys.length; i += 50) await Promise.all(keys.slice(i, i + 50).map((key) => store.put(key, Buffer.from('x'))));
      expect(await keysOf(store, at('many/'))).toEqual(keys);
      await store.remove(keys);
      expect(await keysOf(store, at('many/'))).toEqual([]);
    });

    test.each(['with space', 'größe/日本語.png', 'a+b&c=d?e#f%20', "quote'(1)!*", '<xml>&amp;', '007'])(
      'keys: %j is an ordinary key',
      async (name) => {
        const key = at(`keys/${name}`);
        await store.put(key, Buffer.from(name));
        expect((await store.get(key))?.toString()).toBe(name);
        expect(await keysOf(store, key)).toEqual([key]);
        await store.remove([key]);
        expect(await store.head(key)).toBeUndefined();
      },
    );

    test('remove: missing objects and an empty list are no mistake', async () => {
      await store.put(at('there'), Buffer.from('x'));
      await store.remove([at('not-there'), at('there')]);
      await store.remove([]);
      expect(await store.head(at('there'))).toBeUndefined();
    });
  });
}
