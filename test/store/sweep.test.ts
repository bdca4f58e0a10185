/** What `fewlabels clean` takes for leftovers, on a store in memory whose clock the tests turn. */
import { beforeEach, describe, expect, test } from 'vitest';
import type { Manifest, StageName } from '../../contracts/artifacts.ts';
import { type Random, randomStream } from '../../learning/random.ts';
import { type Artifacts, openArtifacts } from '../../store/artifacts.ts';
import { artifactKey } from '../../store/digest.ts';
import { openMemory } from '../../store/memory.ts';
import { listed, type Store } from '../../store/store.ts';
import { readContents, removeAll, unneeded } from '../../store/sweep.ts';

const HOUR = 3600 * 1000;
let time: number;
let store: Store;
let artifacts: Artifacts;

beforeEach(() => {
  time = Date.UTC(2026, 0);
  store = openMemory(() => new Date(time));
  artifacts = openArtifacts(store, {});
});

function artifact(stage: StageName, name: number) {
  const origin = { stage, slice: { name }, inputs: [] };
  return { ...origin, key: artifactKey({ ...origin, version: 1 }) };
}
type Artifact = ReturnType<typeof artifact>;
const body = Buffer.from('data');
const objects = [
  { name: 'a', body },
  { name: 'deep/b', body },
];
const commit = (made: Artifact) => artifacts.commit({ ...made, objects, facts: {}, made: {} });
const checkpoint = (made: Artifact, step: number) =>
  artifacts.commitCheckpoint({ ...made, step, objects: objects.slice(0, 1), facts: { step }, made: {} });
const manifestOf = ({ stage, key }: Artifact) => `${stage === 'views' ? '2-views' : '3-representation'}/${key}/manifest.json`;

const find = async (areRunsGoing = false) => unneeded(await readContents(store), new Date(time), areRunsGoing);
const whys = async (areRunsGoing?: boolean) => {
  const counts: Record<string, number> = {};
  for (const { why } of await find(areRunsGoing)) counts[why] = (counts[why] ?? 0) + 1;
  return counts;
};

describe('unneeded', () => {
  test('unneeded: data that no manifest names, a day after it was written', async () => {
    await commit(artifact('representation', 1));
    await artifacts.attemptOf(artifact('representation', 1)).put('died', body);
    await artifacts.attemptOf(artifact('student', 2)).put('died', body);
    time += 23.9 * HOUR;
    expect(await find(true)).toEqual([]);
    time += 0.2 * HOUR;
    expect(await whys(true)).toEqual({ unnamed: 2 });
  });

  test('unneeded: a shard that a set names stays without a manifest of its own', async () => {
    const shard = await commit(artifact('shards', 1));
    await artifacts.commitReady({ ...artifact('set', 1), objects: shard.objects, facts: {}, made: {} });
    await store.remove([`1-shards/${artifact('shards', 1).key}/manifest.json`]);
    time += 48 * HOUR;
    expect(await find()).toEqual([]);
  });

  test('unneeded: checkpoints of a finished training; of one whose model is lost they stay, as it goes on from them', async () => {
    const [going, done, lost] = [1, 2, 3].map((name) => artifact('representation', name)) as [Artifact, Artifact, Artifact];
    for (const training of [going, done, lost]) for (const step of [1, 2]) await checkpoint(training, step);
    await commit(done);
    await store.remove([(await commit(lost)).objects[0]?.key ?? '']);
    const found = await find(true);
    expect(found).toHaveLength(4);
    expect(found.every(({ key, why }) => key.includes(`${done.key}/checkpoints/`) && why === 'checkpoints')).toBe(true);
  });

  test('unneeded: views while no run is going', async () => {
    await commit(artifact('views', 1));
    expect(await whys(true)).toEqual({});
    expect(await whys(false)).toEqual({ views: 3 });
  });

  test('unneeded: records a day later; until then they are there to be read', async () => {
    const made = artifact('representation', 1);
    await checkpoint(made, 1);
    await artifacts.discardCheckpoint('representation', made.key, 1, 'a try');
    expect(await find()).toEqual([]);
    time += 25 * HOUR;
    expect(await whys()).toEqual({ records: 1, unnamed: 1 });
  });

  test('unneeded: a manifest that cannot be used protects the data of its artifact', async () => {
    const made = artifact('representation', 1);
    await commit(made);
    await store.put(manifestOf(made), Buffer.from('{'));
    time += 48 * HOUR;
    expect(await find()).toEqual([]);
  });

  test('unneeded: what is none of ours is not touched, whatever it is called', async () => {
    for (const key of ['holiday.jpg', '2-views/notes.txt', `4-classifiers/${'0'.repeat(32)}/manifest.json`, `2-views/${'g'.repeat(32)}/x`])
      await store.put(key, body);
    await store.put(`3-representation/${'0'.repeat(32)}/a folder of mine/model`, body);
    time += 48 * HOUR;
    expect(await find()).toEqual([]);
  });
});

test('removeAll: manifests go first', async () => {
  const removed: string[][] = [];
  await commit(artifact('views', 1));
  const watched: Store = { ...store, remove: async (keys) => void removed.push(keys) };
  await removeAll(watched, await find());
  expect(removed.map((keys) => keys.map((key) => key.endsWith('/manifest.json')))).toEqual([[true], [false, false]]);
});

/** Runs that make artifacts, die, come back and break in any order; `mustStay` are keys that a run going now can still ask for. */
class World {
  readonly mustStay = new Set<string>();
  private readonly attempts: {
    made: Artifact;
    started: number;
    objects: Awaited<ReturnType<ReturnType<Artifacts['attemptOf']>['put']>>[];
  }[] = [];
  private readonly unfinished = new Map<Artifact, string[]>();
  private names = 0;
  private readonly draw: Random;
  constructor(draw: Random) {
    this.draw = draw;
  }

  private stay(at: string, manifest: Manifest): string[] {
    const keys = [at, ...manifest.objects.map(({ key }) => key)];
    for (const key of keys) this.mustStay.add(key);
    return keys;
  }

  async turn(): Promise<void> {
    const what = this.draw.integer(7);
    time += this.draw.integer(9) * HOUR;
    for (const { started, objects } of this.attempts)
      if (time - started >= 24 * HOUR) for (const { key } of objects) this.mustStay.delete(key);
    if (what === 0) {
      const made = artifact(this.draw.integer(2) === 0 ? 'views' : 'representation', this.names++);
      const upload = artifacts.attemptOf(made);
      const put = [await upload.put('a', body), await upload.put('b', body)];
      this.attempts.push({ made, started: time, objects: put });
      for (const { key } of put) this.mustStay.add(key);
    } else if (what === 1) {
      const [waiting] = this.attempts.splice(this.draw.integer(this.attempts.length + 1), 1); // else it died for good
      if (waiting && time - waiting.started < 24 * HOUR)
        this.stay(
          manifestOf(waiting.made),
          await artifacts.commitReady({ ...waiting.made, objects: waiting.objects, facts: {}, made: {} }),
        );
    } else if (what === 2) {
      this.unfinished.set(artifact('representation', this.names++), []);
    } else {
      const training = [...this.unfinished.keys()][this.draw.integer(this.unfinished.size + 1)];
      const keys = training && this.unfinished.get(training);
      if (!training || !keys) return;
      if (what < 6) {
        const step = keys.length;
        const at = `3-representation/${training.key}/checkpoints/${String(step).padStart(10, '0')}.json`;
        keys.push(...this.stay(at, await checkpoint(training, step)));
      } else {
        for (const key of keys) this.mustStay.delete(key);
        this.unfinished.delete(training);
        this.stay(manifestOf(training), await commit(training));
      }
    }
  }
}

test('unneeded, removeAll: in any order of events no run loses what it can still ask for, and in the end nothing else is left', async () => {
  for (let i = 0; i < 30; i++) {
    store = openMemory(() => new Date(time));
    artifacts = openArtifacts(store, {});
    const draw = randomStream(1, 'sweep', i);
    const world = new World(draw);
    for (let turn = 0; turn < 40; turn++) {
      await world.turn();
      if (draw.integer(4) === 0) await removeAll(store, await find(true));
      const there = new Set(await listed(store, ''));
      expect([...world.mustStay].filter((key) => !there.has(key))).toEqual([]);
    }
    time += 25 * HOUR;
    await removeAll(store, await find(false));
    const left = await listed(store, '');
    expect(left.filter((key) => !world.mustStay.has(key) || key.startsWith('2-views/'))).toEqual([]);
  }
});
