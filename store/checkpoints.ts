/** The checkpoints of an artifact in the making. */
import type { Manifest, Retention, StageName } from '../contracts/artifacts.ts';
import type { CurvePoint } from '../contracts/progress.ts';
import { readManifest } from './committing.ts';
import { checkpointsOf, isCheckpointManifest, isRecord, stepOf } from './keys.ts';
import { type Kept, kept } from './retention.ts';
import { listed, onEach, type Store } from './store.ts';

/** A checkpoint that cannot be used, and why. */
export type Rejected = { step: number; reason: string };
type Looked = { step: number; manifest: Manifest | { reason: string } };

/** So often they are listed, when each time others have pruned all of them before they could be read. */
const LISTINGS = 5;

/** Manifests of the checkpoints, newest first, and those that are broken. */
export async function readCheckpoints(
  store: Store,
  stage: StageName,
  key: string,
): Promise<{ manifests: Manifest[]; rejected: Rejected[] }> {
  let looked: Looked[] = [];
  for (let listings = 0; looked.length === 0 && listings < LISTINGS; listings++) {
    const keys = await listed(store, checkpointsOf(stage, key));
    if (!keys.some(isCheckpointManifest)) break;
    looked = await lookAt(store, stage, key, keys);
  }
  return {
    manifests: looked.flatMap(({ manifest }) => ('reason' in manifest ? [] : [manifest])),
    rejected: looked.flatMap(({ step, manifest }) => ('reason' in manifest ? [{ step, reason: manifest.reason }] : [])),
  };
}

/** The manifests among the keys, newest first. */
async function lookAt(store: Store, stage: StageName, key: string, keys: string[]): Promise<Looked[]> {
  const places = keys.filter(isCheckpointManifest).reverse();
  const manifests = new Map<string, Looked['manifest']>();
  await onEach(places, async (at) => {
    const manifest = await readManifest(store, at, { stage, key });
    if (manifest) manifests.set(at, manifest);
  });
  return places.flatMap((at) => {
    const manifest = manifests.get(at);
    return manifest ? [{ step: stepOf(at), manifest }] : []; // pruned since it was listed
  });
}

/**
 * Delete the checkpoints that `retention` does not want, manifests first, with what unfinished attempts left at their steps. A broken
 * one counts for nothing, and goes when a sound one is newer. Nothing newer than the newest sound one is touched: it may be being written.
 */
export async function pruneCheckpoints(store: Store, stage: StageName, key: string, retention: Retention): Promise<void> {
  const keys = await listed(store, checkpointsOf(stage, key));
  const stay = kept((await lookAt(store, stage, key, keys)).flatMap(asKept), retention);
  const newest = retention.last === 0 ? Number.POSITIVE_INFINITY : Math.max(...stay);
  const old = keys.filter((name) => stepOf(name) < newest && !stay.has(stepOf(name)) && !isRecord(name));
  await store.remove(old.filter(isCheckpointManifest));
  await store.remove(old.filter((name) => !isCheckpointManifest(name)));
}

function asKept({ step, manifest }: Looked): Kept[] {
  if ('reason' in manifest) return [];
  return [{ step, loss: (manifest.facts.curve as CurvePoint[] | undefined)?.at(-1)?.loss }];
}
