/** Manifests in a store: found, committed so that one writer wins, and taken out of the way when they cannot be used. */
import type { Manifest } from '../contracts/artifacts.ts';
import { Failure } from '../contracts/failures.ts';
import { recordKey } from './keys.ts';
import { checkManifest, manifestText } from './manifest.ts';
import type { Store } from './store.ts';
import { lackOf } from './verified.ts';

type Named = Pick<Manifest, 'stage' | 'key'>;

/** The manifest at a place, the reason why it cannot be used, or undefined when there is none. */
export async function readManifest(store: Store, at: string, artifact: Named): Promise<Manifest | { reason: string } | undefined> {
  const text = await store.get(at);
  return text && checkManifest(text, artifact);
}

/** The same where it must be sound. @throws Failure DataIntegrity */
export async function findManifest(store: Store, at: string, artifact: Named): Promise<Manifest | undefined> {
  const manifest = await readManifest(store, at, artifact);
  if (manifest && 'reason' in manifest) {
    throw new Failure(
      'DataIntegrity',
      `Cannot use "${at}" as a manifest must match its digest: ${manifest.reason}; delete it to have the stage run again`,
    );
  }
  return manifest;
}

/** The same, when all its objects are there and of their size. Otherwise it is taken out of the way, so that it can be made again. */
export async function findWhole(store: Store, at: string, artifact: Named): Promise<Manifest | undefined> {
  const manifest = await findManifest(store, at, artifact);
  const lack = manifest && (await lackOf(store, manifest.objects));
  if (lack === undefined) return manifest;
  await setAside(store, at, lack);
  return undefined;
}

/** Commit mine, unless there is one already that can be used: then my objects are deleted, and theirs counts. */
export async function commitManifest(store: Store, at: string, mine: Manifest): Promise<Manifest> {
  if (await store.putIfAbsent(at, manifestText(mine), 'application/json')) return mine;
  const theirs = await readManifest(store, at, mine);
  if (theirs === undefined)
    throw new Failure('StoreUnavailable', `Cannot commit "${at}" as it must stay once written: another attempt wrote and deleted it`);
  const reason = 'reason' in theirs ? theirs.reason : await lackOf(store, theirs.objects);
  if ('reason' in theirs || reason !== undefined) {
    await setAside(store, at, reason ?? '');
    return commitManifest(store, at, mine);
  }
  // A retry after a lost answer lists the very same objects; those stay.
  const kept = new Set(theirs.objects.map(({ key }) => key));
  await store.remove(mine.objects.map(({ key }) => key).filter((key) => !kept.has(key)));
  return theirs;
}

/** Make place for another manifest. A record stays beside it, the reason and the text; its data stays for `fewlabels clean`. */
export async function setAside(store: Store, at: string, reason: string): Promise<void> {
  const text = await store.get(at);
  if (text === undefined) return; // another attempt was faster
  await store.put(recordKey(at), Buffer.from(`${JSON.stringify({ reason, manifest: text.toString() }, null, 2)}\n`), 'application/json');
  await store.remove([at]);
}
