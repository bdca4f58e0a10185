/** A store in memory, for tests of what stands above a store. */
import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import type { Store } from './store.ts';

/** @param now  the time that objects are written at */
export function openMemory(now: () => Date = () => new Date()): Store {
  const objects = new Map<string, Buffer>();
  const written = new Map<string, Date>();
  const write = (key: string, bytes: Buffer) => {
    objects.set(key, bytes);
    written.set(key, now());
  };
  return {
    async put(key, body) {
      const bytes = body instanceof Uint8Array ? Buffer.from(body) : await readFile(body.file);
      write(key, bytes);
      return { key, bytes: bytes.length };
    },
    async putIfAbsent(key, body) {
      if (objects.has(key)) return false;
      write(key, Buffer.from(body));
      return true;
    },
    async get(key) {
      const bytes = objects.get(key);
      return bytes && Buffer.from(bytes);
    },
    async stream(key, range) {
      const bytes = objects.get(key);
      if (bytes === undefined) return undefined;
      const { offset, length } = range ?? { offset: 0, length: bytes.length };
      if (range !== undefined && offset >= bytes.length)
        throw new Error(`Cannot read "${key}" from byte ${offset} as it must lie inside: it has ${bytes.length}`);
      return Readable.from([Buffer.from(bytes.subarray(offset, offset + length))], { objectMode: false });
    },
    async head(key) {
      const bytes = objects.get(key);
      return bytes && { key, bytes: bytes.length };
    },
    async *list(prefix) {
      const keys = [...objects.keys()].filter((key) => key.startsWith(prefix));
      keys.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      for (const key of keys) yield { key, bytes: objects.get(key)?.length ?? 0, modified: written.get(key) ?? new Date(0) };
    },
    async remove(keys) {
      for (const key of keys) objects.delete(key);
    },
  };
}
