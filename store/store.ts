/**
 * Named bytes. The smallest set of operations the pipeline needs from an S3: PUT, conditional PUT, GET, HEAD, LIST, DELETE.
 * Every store passes `test/store/conformance.ts`. Each operation waits out passing trouble and then throws a Failure
 * 'StoreUnavailable'; refused credentials are a Failure 'AccessDenied' at once.
 */
import type { Readable } from 'node:stream';

export type ObjectInfo = { key: string; bytes: number };
export type ListedObject = ObjectInfo & { modified: Date };

export interface Store {
  /** Write an object, replacing what was there. `body` is bytes, or a file to stream from. */
  put(key: string, body: Uint8Array | { file: string }, contentType?: string): Promise<ObjectInfo>;
  /** Write a small object unless one is there already. @returns false when another writer was first */
  putIfAbsent(key: string, body: Uint8Array, contentType?: string): Promise<boolean>;
  /** The whole object, or undefined when there is none. Meant for small objects. */
  get(key: string): Promise<Buffer | undefined>;
  /** A stream of the object's bytes, or of at most `length` bytes from `offset`, which must lie inside; undefined when there is none. */
  stream(key: string, range?: { offset: number; length: number }): Promise<Readable | undefined>;
  /** Size of the object, or undefined when there is none. */
  head(key: string): Promise<ObjectInfo | undefined>;
  /** Objects whose key starts with `prefix`, in key order. `a/1` does not list `a/10` when the prefix is `a/1/`. */
  list(prefix: string): AsyncIterable<ListedObject>;
  /** Delete objects; missing ones are no mistake. */
  remove(keys: string[]): Promise<void>;
}

/** Requests at once, so that many objects are soon looked at and a store is not flooded. */
const LANES = 16;

/** Do `work` on each, some at a time. The first failure fails the whole. */
export async function onEach<T>(items: T[], work: (item: T) => Promise<void>): Promise<void> {
  const waiting = items.values();
  const lane = async () => {
    for (const item of waiting) await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(LANES, items.length) }, lane));
}

/** The keys that start with `prefix`, in order. */
export async function listed(store: Store, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(prefix)) keys.push(key);
  return keys;
}
