/** Checkpoints that break, on a store in memory. */
import { beforeEach, expect, test } from 'vitest';
import type { Manifest } from '../../contracts/artifacts.ts';
import { randomStream } from '../../learning/random.ts';
import { type Artifacts, openArtifacts } from '../../store/artifacts.ts';
import { openMemory } from '../../store/memory.ts';
import { listed, type Store } from '../../store/store.ts';

const artifact = { stage: 'representation' as const, key: 'k'.repeat(32), slice: {}, inputs: [] };
const FOLDER = `3-representation/${artifact.key}/checkpoints`;
const manifestAt = (step: number) => `${FOLDER}/${String(step).padStart(10, '0')}.json`;

let store: Store;
let artifacts: Artifacts;

beforeEach(() => {
  store = openMemory();
  artifacts = openArtifacts(store, {});
});

const commit = (step: number, text = `state ${step}`) =>
  artifacts.commitCheckpoint({
    ...artifact,
    step,
    objects: [{ name: 'checkpoint.safetensors', body: Buffer.from(text) }],
    facts: { step, curve: [{ loss: 1 / step }] },
    made: {},
  });
const read = async (manifest?: Manifest) => manifest?.objects[0] && (await artifacts.read(manifest.objects[0])).toString();
const found = () => artifacts.checkpoints(artifact.stage, artifact.key);
const stepsFound = async () => (await found()).manifests.map(({ facts }) => facts.step);
const records = async () => {
  const keys = (await listed(store, `${FOLDER}/`)).filter((key) => key.includes('.rejected-'));
  return Promise.all(keys.map(async (key) => JSON.parse((await store.get(key))?.toString() ?? '') as { reason: string; manifest: string }));
};

test('discardCheckpoint: makes place for another at its step, and leaves a record with the reason and the manifest', async () => {
  await commit(1);
  await store.put(manifestAt(2), Buffer.from('{'));
  await artifacts.discardCheckpoint(artifact.stage, artifact.key, 2, 'it is no complete manifest');
  expect(await found()).toMatchObject({ manifests: [{ facts: { step: 1 } }], rejected: [] });
  expect(await records()).toEqual([{ reason: 'it is no complete manifest', manifest: '{' }]);
  expect(await read(await commit(2))).toBe('state 2');
  expect(await stepsFound()).toEqual([2, 1]);
});

test('discardCheckpoint: a step that has none is no mistake', async () => {
  await artifacts.discardCheckpoint(artifact.stage, artifact.key, 7, 'why not');
  expect(await listed(store, '')).toEqual([]);
});

const breakages: [string, (manifest: Manifest) => Promise<unknown>][] = [
  ['manifest is cut', () => store.put(manifestAt(2), Buffer.from('{"stage":'))],
  ['data is gone', ({ objects }) => store.remove(objects.map(({ key }) => key))],
  ['data is cut', ({ objects }) => store.put(objects[0]?.key ?? '', Buffer.from('st'))],
];
test.each(breakages)('commitCheckpoint: one whose %s gives way to the one just made, with a record', async (_what, damage) => {
  await damage(await commit(2));
  expect(await read(await commit(2, 'the same step again'))).toBe('the same step again');
  expect(await read((await found()).manifests[0])).toBe('the same step again');
  expect(await records()).toHaveLength(1);
});

test('pruneCheckpoints: broken manifests are none of those that stay', async () => {
  for (const step of [1, 2, 3]) await commit(step);
  await store.put(manifestAt(3), Buffer.from('{'));
  await artifacts.pruneCheckpoints(artifact.stage, artifact.key, { last: 2 });
  expect(await stepsFound()).toEqual([2, 1]);
  await commit(4);
  await artifacts.pruneCheckpoints(artifact.stage, artifact.key, { last: 2 });
  expect(await stepsFound()).toEqual([4, 2]);
  expect((await listed(store, `${FOLDER}/`)).filter((key) => key.includes('0000000003'))).toEqual([]);
});

test('pruneCheckpoints: data that an attempt has written at a newer step, its manifest not yet, stays; records stay', async () => {
  for (const step of [1, 2]) await commit(step);
  const waiting = `${FOLDER}/0000000003/an-attempt/checkpoint.safetensors`;
  await store.put(waiting, Buffer.from('half'));
  await artifacts.discardCheckpoint(artifact.stage, artifact.key, 1, 'a try');
  await artifacts.pruneCheckpoints(artifact.stage, artifact.key, { last: 1 });
  expect(await listed(store, waiting)).toEqual([waiting]);
  expect(await records()).toHaveLength(1);
});

test('pruneCheckpoints: after any sequence of commits, damage and pruning the newest sound one can be read', async () => {
  for (let i = 0; i < 20; i++) {
    store = openMemory();
    artifacts = openArtifacts(store, {});
    const draw = randomStream(1, 'prune', i);
    let sound: number[] = [];
    let step = 0;
    for (let turn = 0; turn < 20; turn++) {
      const what = draw.integer(4);
      if (what < 2) {
        step += 1 + draw.integer(9);
        await commit(step);
        sound.push(step);
      } else if (what === 2 && sound.length > 1) {
        const [broken = 0] = sound.splice(draw.integer(sound.length), 1);
        await store.put(manifestAt(broken), Buffer.from('{'));
      } else {
        const every = draw.integer(2) === 0 ? undefined : 1 + draw.integer(30);
        await artifacts.pruneCheckpoints(artifact.stage, artifact.key, { last: 1 + draw.integer(3), best: draw.integer(3), every });
        const stay = await stepsFound();
        sound = sound.filter((one) => stay.includes(one) || one === sound.at(-1));
      }
      if (sound.length > 0) expect(await read((await found()).manifests[0])).toBe(`state ${sound.at(-1)}`);
    }
  }
});

test('checkpoints: where others prune all that was listed before it is read, those that are there now are found', async () => {
  await commit(1);
  const { get } = store;
  store.get = async (key) => {
    store.get = get;
    await commit(2);
    await artifacts.pruneCheckpoints(artifact.stage, artifact.key, { last: 1 });
    return get(key);
  };
  expect(await stepsFound()).toEqual([2]);
});

test('checkpoints: many are looked at some at a time, and come newest first', async () => {
  for (let step = 1; step <= 60; step++) await commit(step);
  let [now, most] = [0, 0];
  const counting: Store = {
    ...store,
    async get(key) {
      most = Math.max(most, ++now);
      await new Promise(setImmediate);
      now--;
      return store.get(key);
    },
  };
  const { manifests } = await openArtifacts(counting, {}).checkpoints(artifact.stage, artifact.key);
  expect(manifests.map(({ facts }) => facts.step)).toEqual(Array.from({ length: 60 }, (_, i) => 60 - i));
  expect(most).toBeGreaterThan(1);
  expect(most).toBeLessThan(30);
});
