import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import type { Manifest, StoredObject } from '../../contracts/artifacts.ts';
import { type Artifacts, openArtifacts } from '../../store/artifacts.ts';
import { artifactKey, sha256 } from '../../store/digest.ts';
import { openMemory } from '../../store/memory.ts';
import { openS3 } from '../../store/s3.ts';
import type { Store } from '../../store/store.ts';
import { keysOf } from './conformance.ts';

const stores: [string, () => Promise<Store>][] = [
  ['memory', async () => openMemory()],
  ['s3', () => openS3({ ...inject('services').s3, bucket: 'artifacts-of-a-test' })],
];
const identity = { stage: 'representation', slice: { epochs: 3 }, inputs: ['d'.repeat(64)] } as const;
const model = { name: 'model.safetensors', body: Buffer.from('weights') };
const description = { facts: { loss: 0.5 }, made: { device: 'cpu' } };

describe.each(stores)('artifacts on %s', (_, open) => {
  let store: Store;
  let artifacts: Artifacts;
  let folder: string;
  let run = 0;
  let artifact: { stage: 'representation'; key: string; slice: unknown; inputs: string[] };
  const home = () => `3-representation/${artifact.key}`;
  const commit = (body: Uint8Array = model.body) => artifacts.commit({ ...artifact, ...description, objects: [{ ...model, body }] });
  const checkpoint = (step: number, body = Buffer.from(`checkpoint ${step}`)) =>
    artifacts.commitCheckpoint({ ...artifact, step, objects: [{ name: 'checkpoint.safetensors', body }], facts: { step }, made: {} });
  const damage = async (object: StoredObject) => {
    const bytes = (await store.get(object.key)) ?? Buffer.alloc(0);
    bytes[0] = (bytes[0] ?? 0) ^ 1;
    await store.put(object.key, bytes);
  };

  beforeAll(async () => {
    store = await open();
    artifacts = openArtifacts(store, { worker: 'me' });
    folder = await mkdtemp(join(tmpdir(), 'fewlabels-artifacts-'));
  });
  beforeEach(() => {
    const origin = { ...identity, inputs: [...identity.inputs], slice: { run: run++ } };
    artifact = { ...origin, key: artifactKey({ ...origin, version: 1 }) };
  });
  afterAll(() => rm(folder, { recursive: true }));

  test('commit: writes the data under the attempt and the manifest beside it, and find reads it back', async () => {
    const manifest = await commit();
    expect(manifest).toMatchObject({ ...artifact, version: 1, facts: { loss: 0.5 }, made: { worker: 'me', device: 'cpu' } });
    const [object] = manifest.objects;
    expect(object).toMatchObject({ name: 'model.safetensors', bytes: 7, sha256: sha256('weights') });
    expect(object?.key).toMatch(new RegExp(`^${home()}/[0-9a-f-]{36}/model\\.safetensors$`));
    expect(new Set(await keysOf(store, `${home()}/`))).toEqual(new Set([`${home()}/manifest.json`, object?.key]));
    expect(await artifacts.find('representation', artifact.key)).toEqual(manifest);
  });

  test('find: an artifact without a manifest does not exist, whatever data lies there', async () => {
    await artifacts.attemptOf(artifact).put('model.safetensors', model.body);
    expect(await artifacts.find('representation', artifact.key)).toBeUndefined();
  });

  test('commit: of ten writers one wins, all return its manifest, and no data of the others stays', async () => {
    const manifests = await Promise.all(Array.from({ length: 10 }, (_, i) => commit(Buffer.from(`weights ${i}`))));
    expect(new Set(manifests.map(({ digest }) => digest)).size).toBe(1);
    expect(await keysOf(store, `${home()}/`)).toHaveLength(2);
    await expect(artifacts.read(manifests[0]?.objects[0] as StoredObject)).resolves.toBeDefined();
  });

  test('commitReady: the same objects twice, as after a lost answer, stay', async () => {
    const objects = [await artifacts.attemptOf(artifact).put('a', Buffer.from('1'))];
    const first = await artifacts.commitReady({ ...artifact, ...description, objects });
    expect(await artifacts.commitReady({ ...artifact, ...description, objects })).toEqual(first);
    expect(await artifacts.read(objects[0] as StoredObject)).toEqual(Buffer.from('1'));
  });

  test('digest: depends on names, bytes and facts, not on attempt, maker or order', async () => {
    const digestOf = async (objects: { name: string; body: Uint8Array }[], facts: Record<string, unknown>, made = {}) => {
      const manifest = await artifacts.commit({ ...artifact, objects, facts, made });
      await artifacts.remove('representation', artifact.key);
      return manifest.digest;
    };
    const [a, b] = [
      { name: 'a', body: Buffer.from('1') },
      { name: 'b', body: Buffer.from('2') },
    ];
    const digest = await digestOf([a, b], { n: 1 });
    expect(await digestOf([b, a], { n: 1 }, { device: 'gpu' })).toBe(digest);
    expect(await digestOf([a, b], { n: 1, none: undefined })).toBe(digest);
    expect(await digestOf([a, b], { n: 2 })).not.toBe(digest);
    expect(await digestOf([a, { name: 'b', body: Buffer.from('3') }], { n: 1 })).not.toBe(digest);
    expect(await digestOf([a, { name: 'c', body: Buffer.from('2') }], { n: 1 })).not.toBe(digest);
  });

  test('commit: a name that leaves its folder, a name twice and a fact that is no number are refused', async () => {
    const body = Buffer.from('x');
    for (const name of ['', '../x', 'a//b', '/a', '.'])
      await expect(artifacts.attemptOf(artifact).put(name, body)).rejects.toThrow(/relative path/);
    const twice = [
      { name: 'a', body },
      { name: 'a', body },
    ];
    await expect(artifacts.commit({ ...artifact, ...description, objects: twice })).rejects.toThrow(/"a" stands twice/);
    await expect(artifacts.commit({ ...artifact, objects: [], facts: { loss: Number.NaN }, made: {} })).rejects.toThrow(
      /\$\.facts\.loss is NaN/,
    );
    expect(await artifacts.find('representation', artifact.key)).toBeUndefined();
  });

  const breakages: [string, (manifest: Manifest) => string][] = [
    ['truncated', (manifest) => JSON.stringify(manifest).slice(0, -10)],
    ['with a changed fact', (manifest) => JSON.stringify({ ...manifest, facts: { loss: 0.4 } })],
    ['with a missing object', (manifest) => JSON.stringify({ ...manifest, objects: [] })],
    ['of another artifact', (manifest) => JSON.stringify({ ...manifest, key: 'f'.repeat(32) })],
    ['without a field', (manifest) => JSON.stringify({ ...manifest, made: undefined })],
  ];
  test.each(breakages)('find: a manifest %s is DataIntegrity', async (_what, broken) => {
    await store.put(`${home()}/manifest.json`, Buffer.from(broken(await commit())));
    await expect(artifacts.find('representation', artifact.key)).rejects.toMatchObject({ kind: 'DataIntegrity' });
  });

  test('read, readToFile: a flipped bit, a cut and a missing object are DataIntegrity, and no file appears', async () => {
    const objects = ['bit', 'cut', 'gone'].map((name) => ({ name, body: Buffer.from('0123456789') }));
    const [bit, cut, gone] = (await artifacts.commit({ ...artifact, ...description, objects })).objects as [
      StoredObject,
      StoredObject,
      StoredObject,
    ];
    await damage(bit);
    await store.put(cut.key, Buffer.from('012345678'));
    await store.remove([gone.key]);
    for (const object of [bit, cut, gone]) {
      await expect(artifacts.read(object)).rejects.toMatchObject({ kind: 'DataIntegrity' });
      await expect(artifacts.readToFile(object, join(folder, 'damaged'))).rejects.toMatchObject({ kind: 'DataIntegrity' });
    }
    expect(await readdir(folder)).toEqual([]);
  });

  test('readStart: the first bytes, or all there are; a missing object is DataIntegrity', async () => {
    const object = await artifacts.attemptOf(artifact).put('a', Buffer.from('0123456789'));
    expect((await artifacts.readStart(object, 4)).toString()).toBe('0123');
    expect((await artifacts.readStart(object, 400)).toString()).toBe('0123456789');
    await store.remove([object.key]);
    await expect(artifacts.readStart(object, 4)).rejects.toMatchObject({ kind: 'DataIntegrity' });
  });

  test('readToFile: a file goes in and comes out equal, in a folder that is made', async () => {
    const file = join(folder, 'in');
    await writeFile(file, Buffer.alloc(2_500_000, 'fewlabels'));
    const { objects } = await artifacts.commit({ ...artifact, ...description, objects: [{ name: 'deep/file', body: { file } }] });
    const out = join(folder, 'new', 'out');
    await artifacts.readToFile(objects[0] as StoredObject, out);
    expect(sha256(await readFile(out))).toBe(sha256(await readFile(file)));
    expect(await readdir(join(folder, 'new'))).toEqual(['out']);
    await Promise.all(['new', 'in'].map((name) => rm(join(folder, name), { recursive: true })));
  });

  test('checkpoints: newest first by number, with their data', async () => {
    for (const step of [9, 100, 20]) await checkpoint(step);
    const { manifests, rejected } = await artifacts.checkpoints('representation', artifact.key);
    expect(manifests.map(({ facts }) => facts.step)).toEqual([100, 20, 9]);
    expect(rejected).toEqual([]);
    expect(await artifacts.read(manifests[1]?.objects[0] as StoredObject)).toEqual(Buffer.from('checkpoint 20'));
    expect(await keysOf(store, `${home()}/checkpoints/0000000100.json`)).toHaveLength(1);
    expect(await artifacts.find('representation', artifact.key)).toBeUndefined();
  });

  test('commitCheckpoint: two attempts at one step leave one checkpoint, the data of the winner', async () => {
    const both = await Promise.all([checkpoint(5, Buffer.from('a')), checkpoint(5, Buffer.from('b'))]);
    expect(both[0]).toEqual(both[1]);
    expect(await keysOf(store, `${home()}/`)).toHaveLength(2);
    await expect(artifacts.read(both[0]?.objects[0] as StoredObject)).resolves.toHaveLength(1);
  });

  test('commitCheckpoint: a step that is no whole number is refused', async () => {
    for (const step of [-1, 0.5, Number.NaN, 1e10]) await expect(checkpoint(step)).rejects.toThrow(RangeError);
  });

  test('checkpoints: a broken manifest is passed over and reported', async () => {
    for (const step of [1, 2]) await checkpoint(step);
    await store.put(`${home()}/checkpoints/0000000002.json`, Buffer.from('{'));
    const { manifests, rejected } = await artifacts.checkpoints('representation', artifact.key);
    expect(manifests.map(({ facts }) => facts.step)).toEqual([1]);
    expect(rejected).toEqual([{ step: 2, reason: 'it is no complete manifest' }]);
  });

  test('pruneCheckpoints: keeps the newest and deletes manifests and data of the rest', async () => {
    for (const step of [1, 2, 3, 4]) await checkpoint(step);
    await artifacts.pruneCheckpoints('representation', artifact.key, { last: 2 });
    expect((await artifacts.checkpoints('representation', artifact.key)).manifests.map(({ facts }) => facts.step)).toEqual([4, 3]);
    expect(await keysOf(store, `${home()}/`)).toHaveLength(4);
    await artifacts.pruneCheckpoints('representation', artifact.key, { last: 5 });
    expect(await keysOf(store, `${home()}/`)).toHaveLength(4);
    await artifacts.pruneCheckpoints('representation', artifact.key, { last: 0 });
    expect(await keysOf(store, `${home()}/`)).toEqual([]);
  });

  test('remove: deletes an artifact, its checkpoints and what unfinished attempts left; others stay', async () => {
    await commit();
    await checkpoint(1);
    await artifacts.attemptOf(artifact).put('left', Buffer.from('x'));
    const other = { ...artifact, key: `${artifact.key.slice(0, -1)}x` };
    await artifacts.commit({ ...other, ...description, objects: [model] });
    await artifacts.remove('representation', artifact.key);
    await artifacts.remove('representation', artifact.key);
    expect(await keysOf(store, `${home()}/`)).toEqual([]);
    expect(await artifacts.find('representation', other.key)).toBeDefined();
    await expect(artifacts.remove('representation', '')).rejects.toThrow(/its key must be/);
  });
});

describe('artifacts: order of operations', () => {
  /** A store that writes down what is done to it. */
  function recorded(): { store: Store; log: string[] } {
    const log: string[] = [];
    const inner = openMemory();
    const short = (key: string) => (key.endsWith('.json') ? 'manifest' : 'data');
    const store: Store = {
      ...inner,
      put(key, body, type) {
        log.push(`put ${short(key)}`);
        return inner.put(key, body, type);
      },
      putIfAbsent(key, body, type) {
        log.push(`put ${short(key)} if absent`);
        return inner.putIfAbsent(key, body, type);
      },
      remove(keys) {
        log.push(...keys.map((key) => `remove ${short(key)}`));
        return inner.remove(keys);
      },
    };
    return { store, log };
  }
  const artifact = { stage: 'views' as const, key: 'k'.repeat(32), slice: {}, inputs: [] };

  test('commit: data first, manifest last and conditionally; remove: manifest first', async () => {
    const { store, log } = recorded();
    const artifacts = openArtifacts(store, {});
    await artifacts.commit({ ...artifact, ...description, objects: [model, { ...model, name: 'second' }] });
    expect(log.splice(0)).toEqual(['put data', 'put data', 'put manifest if absent']);
    await artifacts.remove('views', artifact.key);
    expect(log[0]).toBe('remove manifest');
  });

  test('pruneCheckpoints: manifests first', async () => {
    const { store, log } = recorded();
    const artifacts = openArtifacts(store, {});
    for (const step of [1, 2]) await artifacts.commitCheckpoint({ ...artifact, step, objects: [model], facts: {}, made: {} });
    log.splice(0);
    await artifacts.pruneCheckpoints('views', artifact.key, { last: 1 });
    expect(log).toEqual(['remove manifest', 'remove data']);
  });

  test('read: bytes damaged on their way are read once more', async () => {
    const { store } = recorded();
    const artifacts = openArtifacts(store, {});
    const object = await artifacts.attemptOf(artifact).put('a', Buffer.from('right'));
    let readings = 0;
    const flaky = openArtifacts({ ...store, get: async (key) => (readings++ === 0 ? Buffer.from('wrong') : store.get(key)) }, {});
    expect(await flaky.read(object)).toEqual(Buffer.from('right'));
    expect(readings).toBe(2);
  });

  test('readStart: of readings damaged on their way those count that agree', async () => {
    const { store } = recorded();
    const object = await openArtifacts(store, {}).attemptOf(artifact).put('a', Buffer.from('right'));
    const answering = (...answers: string[]) =>
      openArtifacts({ ...store, stream: async () => Readable.from([Buffer.from(answers.shift() ?? '')], { objectMode: false }) }, {});
    expect((await answering('wrong', 'right', 'right').readStart(object, 5)).toString()).toBe('right');
    await expect(answering('wrong', 'right', 'rig').readStart(object, 5)).rejects.toMatchObject({ kind: 'DataIntegrity' });
  });
});
