/** A training in segments, by a real trainer on a store in memory. */
import { mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, test, vi } from 'vitest';
import { type Training, trainSegment } from '../../activities/chain.ts';
import type { CurvePoint } from '../../contracts/progress.ts';
import type { PretrainJob } from '../../contracts/trainer.ts';
import { packFile } from '../../learning/feed.ts';
import { encodeShard } from '../../learning/images/shards.ts';
import { pretrain } from '../../learning/loops/pretrain.ts';
import { type Artifacts, openArtifacts } from '../../store/artifacts.ts';
import { openMemory } from '../../store/memory.ts';
import { architecture, CLASSES, pixelsOf, SIZE, scratch, settings, supply, surroundings } from '../learning/loops/scratch.ts';

vi.setConfig({ testTimeout: 300_000 });

const identity = { stage: 'representation' as const, key: 'chain', slice: {}, inputs: [] };
const attempt = {
  progress: () => undefined,
  signal: new AbortController().signal,
  check: () => undefined,
  warn: () => undefined,
  number: 1,
  run: 'run',
};
const CHECKPOINT = 'checkpoint.safetensors';

let artifacts: Artifacts;
let folder: string;
const supervisor = () => ({ artifacts, scratch: folder, environment: { ...process.env } as Record<string, string>, stallSeconds: 600 });

beforeEach(async () => {
  artifacts = openArtifacts(openMemory(), {});
  folder = await mkdtemp(join(tmpdir(), 'fewlabels-test-'));
});

const job: PretrainJob = {
  kind: 'pretrain',
  architecture: architecture({ encoder: { depth: 18, width: 0.0625, stem: 'small' } }),
  pretrain: settings({ pretrain: { epochs: 2, batch: 6, headLayers: 2, projection: 16 } }).pretrain,
  shards: [{ images: 12 }],
  untilEpoch: 2,
  seed: 5,
  ...settings().compute,
  checkpointSeconds: 1e6,
  probe: { everyEpochs: 1, classes: CLASSES, known: [{ images: 16 }], judged: [{ images: 16 }] },
};
const training = (more: Partial<Training<'representation'>>): Training<'representation'> => ({
  kind: 'representation',
  identity,
  epochs: 2,
  until: 2,
  files: [],
  supply: () => [],
  job,
  ...more,
});

test('trainSegment: a look that was cut off after the last step, and made up for, stands in the curve of the model', async () => {
  const own = await scratch();
  await supply(own, { images: 12, perShard: 12, epochs: 2, views: 2 });
  const images = Array.from({ length: 16 }, (_, i) => ({ pixels: pixelsOf(i), label: i % CLASSES, id: `image-${i}` }));
  const [known, judged] = [packFile('known', 0), packFile('judged', 0)];
  const pack = encodeShard(images, SIZE);
  for (const name of [known, judged]) await writeFile(join(own, 'in', name), pack);
  const around = surroundings(own, 4); // tells of the last step, before its look
  expect((await pretrain(job, around)).finished).toBe(false);
  const { step = 0, epoch = 0, curve = [], file = '' } = around.heard.checkpoints.at(-1) ?? {};
  const objects = [{ name: CHECKPOINT, body: await readFile(join(own, 'out', file)) }];
  await artifacts.commitCheckpoint({ ...identity, step, objects, facts: { step, epoch, curve }, made: {} });

  const files = [known, judged].map((name) => ({ name, content: pack }));
  const { epochsDone, result } = await trainSegment(training({ files }), attempt, supervisor());
  expect([epochsDone, result?.kind]).toEqual([2, 'representation']);
  const { facts = {} } = (await artifacts.find('representation', identity.key)) ?? {};
  const looked = (facts.curve as CurvePoint[]).filter(({ review }) => review);
  expect(looked.map((point) => point.step)).toEqual([2, 4]);
  expect(facts.review).toEqual({ epoch: 2, ...looked[1]?.review });
  expect(await readdir(folder)).toEqual([]);
});

test('trainSegment: an attempt that fails before its trainer starts leaves nothing in the scratch folder', async () => {
  const objects = [{ name: CHECKPOINT, body: new Uint8Array(8) }];
  await artifacts.commitCheckpoint({ ...identity, step: 2, objects, facts: { step: 2, epoch: 1, curve: [] }, made: {} });
  const files = (async function* () {
    yield { name: 'first', content: new Uint8Array(1) };
    throw new Error('no such input');
  })();
  await expect(trainSegment(training({ files }), attempt, supervisor())).rejects.toThrow('no such input');
  expect(await readdir(folder)).toEqual([]);
});
