/**
 * What nobody needs any more: data that no manifest names, checkpoints of finished trainings, views that no run reads, records of what
 * was broken. Only what lies where artifacts lie is ever touched; whatever else is in the bucket is none of ours.
 */
import type { Manifest, StageName } from '../contracts/artifacts.ts';
import { isCheckpointManifest, isRecord, partOf } from './keys.ts';
import { checkManifest } from './manifest.ts';
import { type ListedObject, onEach, type Store } from './store.ts';

export const LEFTOVERS = {
  unnamed: 'data that no manifest names',
  checkpoints: 'checkpoints of finished trainings',
  views: 'views that no run reads',
  records: 'records of what was broken',
} as const;
export type Leftover = ListedObject & { why: keyof typeof LEFTOVERS };

/** Data is written before its manifest, and a record is there to be read: younger ones stay. */
export const YOUNG_MS = 24 * 3600 * 1000;

/** All objects there are, and the manifests among them by their keys; undefined where one cannot be used. */
export type Contents = { objects: ListedObject[]; manifests: Map<string, Manifest | undefined> };
type Placed = ListedObject & { stage: StageName; folder: string; path: string };

/**
 * What can go. A manifest that cannot be used protects all data of its artifact: nobody knows what it named.
 * @param areRunsGoing whether any run is, asked for after the contents were read: then all views stay
 */
export function unneeded({ objects, manifests }: Contents, now: Date, areRunsGoing: boolean): Leftover[] {
  const placed = objects.flatMap((object): Placed[] => {
    const part = partOf(object.key);
    return part ? [{ ...object, stage: part.stage, folder: `${part.stage}/${part.key}`, path: part.path }] : [];
  });
  const bytes = new Map(objects.map((object) => [object.key, object.bytes]));
  const named = new Set([...manifests.values()].flatMap((manifest) => manifest?.objects.map(({ key }) => key) ?? []));
  const isWhole = (manifest?: Manifest) => manifest?.objects.every((object) => bytes.get(object.key) === object.bytes) ?? false;
  const finished = new Set(
    placed.flatMap(({ key, path, folder }) => (path === 'manifest.json' && isWhole(manifests.get(key)) ? [folder] : [])),
  );
  const unclear = new Set(placed.flatMap(({ key, folder }) => (manifests.has(key) && !manifests.get(key) ? [folder] : [])));

  return placed.flatMap(({ stage, folder, path, ...object }) => {
    const why = reason();
    return why ? [{ ...object, why }] : [];

    function reason(): Leftover['why'] | undefined {
      if (stage === 'views' && !areRunsGoing) return 'views';
      if (path.startsWith('checkpoints/') && finished.has(folder)) return 'checkpoints';
      if (now.getTime() - object.modified.getTime() < YOUNG_MS) return undefined;
      if (isRecord(path)) return 'records';
      return IS_DATA.test(path) && !named.has(object.key) && !unclear.has(folder) ? 'unnamed' : undefined;
    }
  });
}

/** `<attempt>/…` or `checkpoints/<step>/<attempt>/…` */
const IS_DATA = /^(checkpoints\/\d{10}\/)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\//;
const isManifest = (key: string) => partOf(key)?.path === 'manifest.json' || isCheckpointManifest(key);

/** List the whole store, and read its manifests. */
export async function readContents(store: Store): Promise<Contents> {
  const contents: Contents = { objects: [], manifests: new Map() };
  for await (const object of store.list('')) contents.objects.push(object);
  const places = contents.objects.filter(({ key }) => isManifest(key));
  await onEach(places, async ({ key }) => {
    const text = await store.get(key);
    const part = partOf(key);
    if (text === undefined || part === undefined) return; // deleted since it was listed
    const manifest = checkManifest(text, part);
    contents.manifests.set(key, 'reason' in manifest ? undefined : manifest);
  });
  return contents;
}

/** Delete them, manifests first, so that no reader sees half of an artifact. */
export async function removeAll(store: Store, leftovers: Leftover[]): Promise<void> {
  const keys = leftovers.map(({ key }) => key);
  await store.remove(keys.filter(isManifest));
  await store.remove(keys.filter((key) => !isManifest(key)));
}
