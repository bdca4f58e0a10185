/**
 * Work that can be told to stop waits for nothing any longer. What an operation has begun may still happen behind it: an object without
 * a manifest counts for nothing, and a manifest is written last, so nothing half-written is ever found.
 */
import { setMaxListeners } from 'node:events';
import { addAbortSignal, type Readable } from 'node:stream';
import type { FileTree } from '../learning/images/file-tree.ts';
import type { Store } from './store.ts';

/** What `work` gives, unless the signal is aborted first. @throws the signal's reason then, at once */
export function unlessAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  work.catch(() => undefined); // nobody hears how it ends behind our back
  return new Promise<T>((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) return abort();
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

/** The same store, all of whose operations end with the signal's reason as soon as it is aborted. */
export function interruptible(store: Store, signal: AbortSignal): Store {
  setMaxListeners(0, signal); // one for each operation under way
  const heed = <Given extends unknown[], Result>(operation: (...given: Given) => Promise<Result>) => {
    return async (...given: Given): Promise<Result> => {
      signal.throwIfAborted();
      return unlessAborted(signal, operation(...given));
    };
  };
  return {
    put: heed(store.put),
    putIfAbsent: heed(store.putIfAbsent),
    get: heed(store.get),
    head: heed(store.head),
    remove: heed(store.remove),
    stream: heed(async (key, range) => heeding(await store.stream(key, range), signal)),
    list: (prefix) => eachUnlessAborted(signal, store.list(prefix)),
  };
}

/** The same tree of source images, in the same way. */
export function interruptibleTree(tree: FileTree, signal: AbortSignal): FileTree {
  return {
    root: tree.root,
    list: () => eachUnlessAborted(signal, tree.list()),
    find: (path) => unlessAborted(signal, tree.find(path)),
    readRange: (path, start, end) => unlessAborted(signal, tree.readRange(path, start, end)),
  };
}

/** One that comes too late is let go at once. */
function heeding(stream: Readable | undefined, signal: AbortSignal): Readable | undefined {
  if (stream && signal.aborted) stream.destroy();
  else if (stream) addAbortSignal(signal, stream);
  return stream;
}

async function* eachUnlessAborted<T>(signal: AbortSignal, items: AsyncIterable<T>): AsyncGenerator<T> {
  const iterator = items[Symbol.asyncIterator]();
  try {
    for (;;) {
      signal.throwIfAborted();
      const next = await unlessAborted(signal, iterator.next());
      if (next.done) return;
      yield next.value;
    }
  } finally {
    iterator.return?.().catch(() => undefined); // it may hang where it was
  }
}
