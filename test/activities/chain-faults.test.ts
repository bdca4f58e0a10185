/** What segments do about checkpoints that are broken or gone, with real trainers. */
import { expect, test, vi } from 'vitest';
import type { Artifacts } from '../../store/artifacts.ts';
import { listed, type Store } from '../../store/store.ts';
import { IDENTITY, openFragile, PATIENCE, pretraining, STEPS_PER_EPOCH, trial } from './trainings.ts';

vi.setConfig({ testTimeout: 2 * PATIENCE });

test('trainSegment: where the checkpoint at its beginning is broken it gives back the epoch of the older one, and the chain goes on there', async () => {
  const whole = await (await pretraining(openFragile(), 3)).train(trial());
  const store = openFragile();
  const { train, artifacts, job } = await pretraining(store, 3);
  const segment = (from: number) =>
    train(trial(), { from, to: from + 1 }, { job: { ...job, untilEpoch: from + 1, checkpointSeconds: 1e6 } });

  for (const from of [0, 1]) expect(await segment(from)).toMatchObject({ epochsDone: from + 1 });
  const { manifests } = await artifacts.checkpoints(IDENTITY.stage, IDENTITY.key);
  expect(manifests.map(({ facts }) => facts.step)).toEqual([2 * STEPS_PER_EPOCH, STEPS_PER_EPOCH]);
  await store.put(manifests[0]?.objects[0]?.key ?? '', Buffer.from('broken'));

  const fallen = await segment(2);
  expect(fallen).toMatchObject({ epochsDone: 1, warning: expect.stringMatching(/^Went on from step 2, as newer checkpoints were broken/) });
  expect(fallen.result).toBeUndefined();
  expect(await segment(1)).toMatchObject({ epochsDone: 2 });
  expect((await segment(2)).result?.digest).toBe(whole.result?.digest);
});

test('trainSegment: once the model is committed its checkpoints go, and a store that fails to delete them spoils nothing', async () => {
  const store = openFragile();
  const { train, artifacts } = await pretraining(store, 2);
  expect((await train(trial())).result).toBeDefined();
  expect(await listed(store, '')).toHaveLength(2); // manifest and model

  await artifacts.remove(IDENTITY.stage, IDENTITY.key);
  const { putIfAbsent, remove } = store;
  store.putIfAbsent = async (key, ...rest) => {
    if (key.endsWith('/manifest.json')) store.remove = () => Promise.reject(new Error('not now'));
    return putIfAbsent(key, ...rest);
  };
  expect((await train(trial())).result).toBeDefined();
  store.remove = remove;
  expect((await listed(store, '')).length).toBeGreaterThan(2);
});

test('trainSegment: where another run has finished the training meanwhile, and its checkpoints went, its model counts', async () => {
  const store = openFragile();
  const { train } = await pretraining(store, 2);
  const { result } = await train(trial());
  const manifest = (await listed(store, '')).find((key) => key.endsWith('/manifest.json')) ?? '';
  const { get } = store;
  let looks = 0;
  store.get = async (key) => (key === manifest && looks++ === 0 ? undefined : get(key)); // not yet
  const supply = () => expect.unreachable('there is nothing to train');
  for (const from of [0, 1]) {
    looks = 0;
    expect(await train(trial(), { from, to: 2 }, { supply })).toMatchObject({ epochsDone: 2, result });
    expect(looks).toBeGreaterThan(1);
  }
});

/** What comes of an attempt while others write, and prune, whenever it has listed checkpoints and read none. Its trainer never starts. */
async function raced({ to, races }: { to: number; races: number }): Promise<unknown> {
  const store = openFragile();
  const { train, artifacts } = await pretraining(store, 99);
  let newest = 0;
  const write = async () => {
    for (const step of [newest + 1, newest + 2]) {
      const objects = [{ name: 'checkpoint.safetensors', body: Buffer.from(`state ${step}`) }];
      await artifacts.commitCheckpoint({ ...IDENTITY, step, objects, facts: { step, epoch: step }, made: {} });
    }
    newest += 2;
    await artifacts.pruneCheckpoints(IDENTITY.stage, IDENTITY.key, { last: 2 });
  };
  await write();
  const { stream } = store;
  let left = races;
  store.stream = async (key, range) => {
    if (key.includes(String(newest).padStart(10, '0')) && left-- > 0) await write();
    return stream(key, range);
  };
  const supply = (step: number) => {
    throw new Error(`from step ${step}`);
  };
  return train(trial(), { from: 0, to }, { supply }).catch(({ message }: Error) => message);
}

test('trainSegment: where others have pruned all that it had listed, it lists again and goes on from what they wrote', async () => {
  expect(await raced({ to: 99, races: 2 })).toBe('from step 6');
});

test('trainSegment: where they have come to the end of its segment meanwhile, nothing is trained', async () => {
  expect(await raced({ to: 3, races: 1 })).toMatchObject({ epochsDone: 4 });
});

test('trainSegment: it does not list again for ever', async () => {
  expect(await raced({ to: 99, races: Number.POSITIVE_INFINITY })).toMatch(/every checkpoint is broken.* it is missing$/);
});

const losses: [string, (artifacts: Artifacts, store: Store) => Promise<void>][] = [
  ['data', async (_, store) => store.remove((await listed(store, '')).filter((key) => key.endsWith('.safetensors')))],
  ['data and manifests', ({ remove }) => remove(IDENTITY.stage, IDENTITY.key)],
];
test.each(losses)('trainSegment: where the %s of all that it had listed are gone, nothing is trained anew in silence', async (_, lose) => {
  const store = openFragile();
  const { train, artifacts } = await pretraining(store, 4);
  const objects = [{ name: 'checkpoint.safetensors', body: Buffer.from('state') }];
  await artifacts.commitCheckpoint({ ...IDENTITY, step: 1, objects, facts: { step: 1, epoch: 0 }, made: {} });
  const { stream } = store;
  let reads = 0;
  store.stream = async (key, range) => {
    reads++;
    await lose(artifacts, store);
    return stream(key, range);
  };
  await expect(train(trial())).rejects.toMatchObject({ kind: 'DataIntegrity', message: expect.stringContaining('step 1') });
  expect(reads).toBe(1);
});

test('trainSegment: checkpoints that vanished are told, and nothing is trained anew in silence', async () => {
  const { train } = await pretraining(openFragile(), 4);
  await expect(train(trial(), { from: 2, to: 4 })).rejects.toMatchObject({
    kind: 'DataIntegrity',
    message: expect.stringMatching(/after 2 epochs as there must be a checkpoint.*run the recipe again to train from nothing/),
  });
});

test('trainSegment: resumed in the middle of an epoch it gives the same bits as never stopped', async () => {
  const whole = await (await pretraining(openFragile(), 4)).train(trial());
  const store = openFragile();
  const { train, artifacts } = await pretraining(store, 4);
  const stopped = trial();
  const training = train(stopped, undefined, { epochs: 4 });
  await expect.poll(() => stopped.beats.at(-1)?.checkpoint?.step, { timeout: PATIENCE }).toBeGreaterThan(0);
  stopped.cancel();
  await training.catch(() => undefined);
  const { manifests } = await artifacts.checkpoints(IDENTITY.stage, IDENTITY.key);
  for (const { facts } of manifests.filter(({ facts }) => Number(facts.step) % STEPS_PER_EPOCH === 0)) {
    await artifacts.discardCheckpoint(IDENTITY.stage, IDENTITY.key, Number(facts.step), 'to be in the middle');
  }
  expect((await train(trial())).result?.digest).toBe(whole.result?.digest);
});

test(
  'trainSegment: a listing that lacks the newest checkpoint costs its steps and nothing else',
  async () => {
    const whole = await (await pretraining(openFragile(), 3)).train(trial());
    const store = openFragile();
    const { train, artifacts, job } = await pretraining(store, 3);
    const segment = (from: number) =>
      train(trial(), { from, to: from + 1 }, { job: { ...job, untilEpoch: from + 1, checkpointSeconds: 1e6 } });
    for (const from of [0, 1]) await segment(from);
    const newest = (await artifacts.checkpoints(IDENTITY.stage, IDENTITY.key)).manifests[0];

    const { list } = store;
    store.list = async function* (prefix) {
      for await (const object of list(prefix)) if (!object.key.includes(String(newest?.facts.step).padStart(10, '0'))) yield object;
    };
    expect(await segment(2)).toMatchObject({ epochsDone: 1 }); // as far as it can see
    const again = await segment(1);
    store.list = list;
    expect(again).toMatchObject({ epochsDone: 2 });
    const { manifests } = await artifacts.checkpoints(IDENTITY.stage, IDENTITY.key);
    expect(manifests[0]).toEqual(newest); // adopted
    expect((await segment(2)).result?.digest).toBe(whole.result?.digest);
  },
  4 * PATIENCE,
);

test('trainSegment: what is left names each kind of machine with the step from which on, and keeps the checkpoints that the recipe wants', async () => {
  const { train, artifacts, job } = await pretraining(openFragile(), 4);
  const segment = (from: number, threads: number) => {
    const compute = { threads, checkpointSeconds: 1e6, keepCheckpoints: { last: 1, every: STEPS_PER_EPOCH } };
    return train(trial(), { from, to: from + 1 }, { job: { ...job, untilEpoch: from + 1, ...compute } });
  };
  for (const [from, threads] of [1, 1, 2].entries()) await segment(from, threads);
  const { manifests } = await artifacts.checkpoints(IDENTITY.stage, IDENTITY.key);
  expect(manifests.map(({ facts }) => facts.step)).toEqual([3, 2, 1].map((epoch) => epoch * STEPS_PER_EPOCH));
  const machines = [
    expect.objectContaining({ from: 0, threads: 1, device: 'CPU', processor: expect.stringMatching(/./) }),
    expect.objectContaining({ from: 2 * STEPS_PER_EPOCH, threads: 2 }),
  ];
  expect(manifests.map(({ made }) => made.machines)).toEqual([machines, machines.slice(0, 1), machines.slice(0, 1)]);
  await segment(3, 2);
  expect((await artifacts.find(IDENTITY.stage, IDENTITY.key))?.made.machines).toEqual(machines);
});
