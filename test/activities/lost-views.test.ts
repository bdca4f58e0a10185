/** Views that are lost while a segment trains on them, on a store in memory. */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { viewsOf } from '../../activities/identity.ts';
import { orViewsMissing, supplyViews } from '../../activities/pretrain.ts';
import { type ShardEntry, shardFiles } from '../../activities/shardset.ts';
import { viewsFile } from '../../activities/views.ts';
import type { StoredObject } from '../../contracts/artifacts.ts';
import { Recipe } from '../../contracts/recipe.ts';
import { type Artifacts, openArtifacts } from '../../store/artifacts.ts';
import { openMemory } from '../../store/memory.ts';
import type { Store } from '../../store/store.ts';

const { views } = Recipe.parse({ name: 'views', images: { train: 'images' } });
const segment = { from: 0, to: 2 };
const object = { name: 'shard', key: 'shard', bytes: 1, sha256: '0'.repeat(64) };
const shards: ShardEntry[] = ['a', 'b'].map((letter) => ({ digest: letter.repeat(64), images: 1, object }));
const cut = { shards, seed: 1, batch: 2, stepsPerEpoch: 1, windowImages: 2 };
const wanted = () => ({ shards, size: 16, views, seed: 1, segment, files: shardFiles(cut, 0, segment.to) });

let store: Store;
let artifacts: Artifacts;
let listed: StoredObject[];

beforeEach(async () => {
  store = openMemory();
  artifacts = openArtifacts(store, {});
  for (const { digest } of shards) {
    const objects = [0, 1].map((epoch) => ({ name: viewsFile(epoch), body: Buffer.from(`views of ${digest} in epoch ${epoch}`) }));
    await artifacts.commit({ ...viewsOf(digest, 16, views, 1, segment), objects, facts: {}, made: {} });
  }
  listed = [];
  for (const { content } of supplyViews(artifacts, wanted())) listed.push(await content());
});

const keys = shards.map(({ digest }) => viewsOf(digest, 16, views, 1, segment).key);
const there = async () => (await Promise.all(keys.map((key) => artifacts.find('views', key)))).filter(Boolean).length;
const failure = async (read: StoredObject | undefined = listed[0]) => {
  const file = join(await mkdtemp(join(tmpdir(), 'fewlabels-test-')), 'views');
  return orViewsMissing(artifacts, await artifacts.readToFile(read as StoredObject, file).catch((error: unknown) => error));
};

test('orViewsMissing: views that another run deleted after they were listed are to be rendered again', async () => {
  for (const key of keys) await artifacts.remove('views', key);
  expect(await failure()).toMatchObject({ kind: 'ViewsMissing', message: expect.stringContaining('it is missing') });
});

test('orViewsMissing: damaged views are deleted, those of other shards stay', async () => {
  await store.put(listed[0]?.key ?? '', Buffer.from('noise'));
  expect(await failure()).toMatchObject({ kind: 'ViewsMissing' });
  expect(await there()).toBe(1);
});

test('orViewsMissing: a lost checkpoint, a lost shard and any other error stay what they are', async () => {
  for (const prefix of ['3-representation', '1-shards']) {
    const lost = { ...object, key: `${prefix}/${'0'.repeat(32)}/attempt/name` };
    expect(await failure(lost)).toMatchObject({ kind: 'DataIntegrity' });
  }
  const error = new Error('something else');
  expect(await orViewsMissing(artifacts, error)).toBe(error);
});
