/** Artifacts whose data is lost behind their manifest, on a store in memory. */
import { beforeEach, expect, test } from 'vitest';
import type { StoredObject } from '../../contracts/artifacts.ts';
import { type Artifacts, openArtifacts } from '../../store/artifacts.ts';
import { openMemory } from '../../store/memory.ts';
import { listed, type Store } from '../../store/store.ts';

const artifact = { stage: 'classifier' as const, key: 'k'.repeat(32), slice: {}, inputs: [] };
const FOLDER = `4-classifier/${artifact.key}`;
const NAMES = Array.from({ length: 40 }, (_, i) => `part-${i}`);

let store: Store;
let artifacts: Artifacts;
let objects: StoredObject[];

const commit = async () =>
  artifacts.commit({ ...artifact, objects: NAMES.map((name) => ({ name, body: Buffer.from(name) })), facts: {}, made: {} });
const records = async () => (await listed(store, FOLDER)).filter((key) => key.includes('/manifest.rejected-'));

beforeEach(async () => {
  store = openMemory();
  artifacts = openArtifacts(store, {});
  objects = (await commit()).objects;
});

test('findWhole: an artifact whose objects are all there is found, and none is read', async () => {
  const unread = openArtifacts(
    { ...store, get: (key) => (key.endsWith('.json') ? store.get(key) : Promise.reject(new Error('read'))) },
    {},
  );
  expect(await unread.findWhole(artifact.stage, artifact.key)).toMatchObject({ objects });
  expect(await records()).toEqual([]);
});

const losses: [string, (key: string) => Promise<unknown>, RegExp][] = [
  ['gone', (key) => store.remove([key]), /^"4-classifier\/k{32}\/.*\/part-31" is gone$/],
  ['of another size', (key) => store.put(key, Buffer.from('part')), /part-31" has 4 bytes, not 7$/],
];
test.each(losses)('findWhole: with one object %s it is not there, and its manifest is in a record', async (_what, lose, reason) => {
  await lose(objects[31]?.key ?? '');
  const manifest = (await store.get(`${FOLDER}/manifest.json`))?.toString();
  expect(await artifacts.findWhole(artifact.stage, artifact.key)).toBeUndefined();
  expect(await artifacts.find(artifact.stage, artifact.key)).toBeUndefined();
  const [record = ''] = await records();
  expect(JSON.parse((await store.get(record))?.toString() ?? '')).toEqual({ reason: expect.stringMatching(reason), manifest });
  expect((await artifacts.read((await commit()).objects[31] as StoredObject)).toString()).toBe('part-31');
});

test('commit: over one with an object gone the new one counts', async () => {
  await store.remove([objects[0]?.key ?? '']);
  const again = await commit();
  expect((await artifacts.read(again.objects[0] as StoredObject)).toString()).toBe('part-0');
  expect(await artifacts.findWhole(artifact.stage, artifact.key)).toEqual(again);
  expect(await records()).toHaveLength(1);
});
