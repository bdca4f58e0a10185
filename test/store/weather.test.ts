/** Artifacts in a store behind a network that is bad all the time: errors, connections that break anywhere, latency. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import type { StoredObject } from '../../contracts/artifacts.ts';
import { randomStream } from '../../learning/random.ts';
import { openArtifacts } from '../../store/artifacts.ts';
import { artifactKey, sha256 } from '../../store/digest.ts';
import { openS3 } from '../../store/s3.ts';
import { listed, onEach, type Store } from '../../store/store.ts';
import { readContents, unneeded } from '../../store/sweep.ts';
import { type FaultyProxy, openFaultyProxy } from './faulty-proxy.ts';

const access = { ...inject('services').s3, bucket: 'weather-of-a-test' };
const PATIENT = { attempts: 12, firstDelay: 5, longestDelay: 100, silence: 20_000 };
const WEATHER = { seed: 1, errors: 0.05, resets: 0.05, latency: 20 };
const DAY = 24 * 3600 * 1000;

let proxy: FaultyProxy;
let direct: Store;
let store: Store;
beforeAll(async () => {
  proxy = await openFaultyProxy(access.endpoint);
  direct = await openS3(access);
  store = await openS3({ ...access, endpoint: proxy.endpoint }, PATIENT);
  proxy.weather = WEATHER;
});
afterAll(() => proxy.close());

const artifact = (name: string) => {
  const origin = { stage: 'classifier' as const, slice: { name }, inputs: [] };
  return { ...origin, key: artifactKey({ ...origin, version: 1 }) };
};
/** Bytes that differ by name, from none to 300 kB. */
function bytesOf(name: string): Buffer {
  const draw = randomStream(1, 'bytes', name);
  return Buffer.alloc(draw.integer(300_000), sha256(name));
}
const fetched = async (objects: StoredObject[]) => {
  const sound = openArtifacts(direct, {});
  return Promise.all(objects.map(async (object) => [object.name, sha256(await sound.read(object))]));
};

test('commit: through bad weather, of two writers at once one wins each artifact, whole, and nothing is left of the other', async () => {
  const artifacts = openArtifacts(store, {});
  const names = Array.from({ length: 40 }, (_, i) => `artifact ${i}`);
  const objectsOf = (name: string) => ['a', 'b'].map((part) => ({ name: part, body: bytesOf(name + part) }));
  await onEach(names, async (name) => {
    const writers = [1, 2].map((writer) => artifacts.commit({ ...artifact(name), objects: objectsOf(name), facts: {}, made: { writer } }));
    const [one, two] = await Promise.all(writers);
    expect(one).toEqual(two);
  });
  for (const name of names) {
    const manifest = await openArtifacts(direct, {}).findWhole('classifier', artifact(name).key);
    expect(await fetched(manifest?.objects ?? [])).toEqual(objectsOf(name).map(({ name, body }) => [name, sha256(body)]));
  }
  expect(unneeded(await readContents(direct), new Date(Date.now() + 2 * DAY), false)).toEqual([]);
  expect(proxy.struck).toBeGreaterThan(20);
}, 300_000);

test('commitCheckpoint, pruneCheckpoints: through bad weather the newest two are there, and can be read into files', async () => {
  const artifacts = openArtifacts(store, {});
  const folder = await mkdtemp(join(tmpdir(), 'fewlabels-weather-'));
  const training = artifact('training');
  for (let step = 1; step <= 15; step++) {
    const file = join(folder, 'checkpoint');
    await writeFile(file, bytesOf(`step ${step}`));
    await artifacts.commitCheckpoint({ ...training, step, objects: [{ name: 'state', body: { file } }], facts: { step }, made: {} });
    await artifacts.pruneCheckpoints(training.stage, training.key, { last: 2 });
    const { manifests, rejected } = await artifacts.checkpoints(training.stage, training.key);
    expect(manifests.map(({ facts }) => facts.step)).toEqual(step === 1 ? [1] : [step, step - 1]);
    expect(rejected).toEqual([]);
    await artifacts.readToFile(manifests[0]?.objects[0] as StoredObject, join(folder, 'back'));
    expect(sha256(await readFile(join(folder, 'back')))).toBe(sha256(await readFile(file)));
  }
  expect(await readdir(folder)).toHaveLength(2);
  await artifacts.remove(training.stage, training.key);
  expect((await listed(direct, '')).filter((key) => key.includes(training.key))).toEqual([]);
  await rm(folder, { recursive: true });
}, 300_000);

test('put, stream: through bad weather a file in parts comes back with the same digest', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'fewlabels-weather-'));
  const file = join(folder, 'large');
  const body = Buffer.alloc(65 * 1024 * 1024, 'large');
  await writeFile(file, body);
  await store.put('large', { file });
  const key = 'large';
  await openArtifacts(store, {}).readToFile({ name: key, key, bytes: body.length, sha256: sha256(body) }, join(folder, 'back'));
  await rm(folder, { recursive: true });
}, 300_000);
