/** What an attempt goes on from, on a store in memory. */
import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { chainState, fetchCheckpoint } from '../../activities/chain.ts';
import type { TrainerSettings } from '../../activities/trainer.ts';
import { openArtifacts } from '../../store/artifacts.ts';
import { openMemory } from '../../store/memory.ts';
import { listed, type Store } from '../../store/store.ts';

const identity = { stage: 'representation' as const, key: 'k'.repeat(32), slice: {}, inputs: [] };
let store: Store;
let settings: TrainerSettings;

beforeEach(async () => {
  store = openMemory();
  const scratch = await mkdtemp(join(tmpdir(), 'fewlabels-test-'));
  settings = { artifacts: openArtifacts(store, {}), scratch, environment: {}, stallSeconds: 0 };
});

async function commit(step: number, text = `state ${step}`) {
  const object = { name: 'checkpoint.safetensors', body: Buffer.from(text) };
  return settings.artifacts.commitCheckpoint({ ...identity, step, objects: [object], facts: { step, epoch: step }, made: {} });
}
/** One bit of its data, as a dying disk would. */
async function flip(step: number): Promise<void> {
  const [object] = (await commit(step)).objects;
  await store.put(object?.key ?? '', Buffer.from(`State ${step}`));
}
const fetched = async () => fetchCheckpoint(identity, await chainState('representation', identity, settings), settings);
const records = async () => (await listed(store, '')).filter((key) => key.includes('.rejected-'));

test('fetchCheckpoint: broken ones are passed over and discarded, which the attempt says; their steps are made again', async () => {
  for (const step of [10, 20]) await commit(step);
  await flip(30);
  await commit(40);
  await store.put(`3-representation/${identity.key}/checkpoints/0000000040.json`, Buffer.from('{'));
  const checkpoint = await fetched();
  expect(checkpoint && (await readFile(checkpoint.file, 'utf8'))).toBe('state 20');
  expect(checkpoint?.passedOver).toMatch(
    /^Went on from step 20, as newer checkpoints were broken: step 40: it is no complete manifest; step 30: Cannot read /,
  );
  expect(await records()).toHaveLength(2);
  await commit(30);
  await commit(40);
  const again = await fetched();
  expect(again && (await readFile(again.file, 'utf8'))).toBe('state 40');
  expect(again?.passedOver).toBeUndefined();
});

test('fetchCheckpoint: where every one is broken it says so and touches none, so that nothing is trained anew in silence', async () => {
  for (const step of [10, 20]) await flip(step);
  const before = await listed(store, '');
  for (let i = 0; i < 2; i++) {
    await expect(fetched()).rejects.toMatchObject({
      kind: 'DataIntegrity',
      message: expect.stringContaining('every checkpoint is broken'),
    });
  }
  expect(await listed(store, '')).toEqual(before);
});

test('chainState: a model whose data is gone is no end of the training, which goes on from its checkpoints', async () => {
  await commit(10);
  const object = { name: 'model.safetensors', body: Buffer.from('weights') };
  const model = await settings.artifacts.commit({ ...identity, objects: [object], facts: { epochs: 20, loss: 1 }, made: {} });
  const state = () => chainState('representation', identity, settings);
  expect(await state()).toMatchObject({ epochsDone: 20, result: { digest: model.digest } });
  await store.remove(model.objects.map(({ key }) => key));
  expect(await state()).toMatchObject({ epochsDone: 10, manifests: [{}] });
  expect((await state()).result).toBeUndefined();
  expect(await records()).toHaveLength(1);
});
