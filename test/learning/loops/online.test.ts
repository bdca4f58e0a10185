/** What is measured of the features while they are learnt. */
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { CurvePoint } from '../../../contracts/progress.ts';
import type { PretrainJob } from '../../../contracts/trainer.ts';
import { packFile } from '../../../learning/feed.ts';
import { encodeShard, readShard } from '../../../learning/images/shards.ts';
import { frozenModels } from '../../../learning/loops/frozen.ts';
import { pretrain } from '../../../learning/loops/pretrain.ts';
import { binding, bytesTensor } from '../../../learning/ops/native.ts';
import { readSafetensors } from '../../../learning/safetensors.ts';
import { tf } from '../../../learning/tensorflow.ts';
import { architecture, CLASSES, pixelsOf, SIZE, scratch, settings, supply, surroundings } from './scratch.ts';

const narrow = { encoder: { depth: 18, width: 0.0625, stem: 'small' } } as const;
const EPOCHS = 3;
const STEPS = 6; // 13 images, 6 a batch
const LAST = 'checkpoint-00000006.safetensors';
const [KNOWN, JUDGED] = [
  [16, 16],
  [20, 4],
];

const packOf = (first: number, images: number) =>
  encodeShard(
    Array.from({ length: images }, (_, i) => first + i).map((image) => ({
      pixels: pixelsOf(image),
      label: image % CLASSES,
      id: `image-${image}`,
    })),
    SIZE,
  );
const known = KNOWN.map((images, pack) => packOf(100 * pack, images));
const judged = JUDGED.map((images, pack) => packOf(1000 + 100 * pack, images));

/** A folder with all that a pretraining reads. */
async function prepared(fromEpoch = 0) {
  const folder = await scratch();
  const shards = await supply(folder, { images: 13, perShard: 5, epochs: EPOCHS, from: fromEpoch, views: 2 });
  for (const [what, packs] of [['known', known] as const, ['judged', judged] as const])
    for (const [i, bytes] of packs.entries()) await writeFile(join(folder, 'in', packFile(what, i)), bytes);
  return { folder, shards };
}

/** Pretrain, looking after every so many epochs; 0 looks never. */
async function run({ folder, shards }: Awaited<ReturnType<typeof prepared>>, everyEpochs: number, stopAt = Infinity, resume?: string) {
  const counts = (images: number[]) => images.map((count) => ({ images: count }));
  const job: PretrainJob = {
    kind: 'pretrain',
    architecture: architecture(narrow),
    pretrain: settings({ pretrain: { epochs: EPOCHS, batch: 6, headLayers: 2, projection: 16 } }).pretrain,
    shards,
    untilEpoch: EPOCHS,
    seed: 5,
    ...settings().compute,
    checkpointSeconds: 1e6,
    resume,
    probe: everyEpochs > 0 ? { everyEpochs, classes: CLASSES, known: counts(KNOWN), judged: counts(JUDGED) } : undefined,
  };
  const around = surroundings(folder, stopAt);
  const { finished, facts } = await pretrain(job, around);
  return { finished, facts, ...around.heard, curve: around.heard.checkpoints.at(-1)?.curve ?? [] };
}

const looks = (curve: CurvePoint[]) => curve.filter(({ review }) => review).map(({ epoch }) => epoch);
const out = (folder: string, file: string) => readFile(join(folder, 'out', file));

test('pretrain: looking at the features changes no bit of weights, statistics and slots', async () => {
  const [plain, probed] = [await prepared(), await prepared()];
  expect((await run(plain, 0)).facts.review).toBeUndefined();
  await run(probed, 2); // an epoch comes after the first look
  expect((await out(probed.folder, 'model.safetensors')).equals(await out(plain.folder, 'model.safetensors'))).toBe(true);
  const [one, other] = [await readSafetensors(join(plain.folder, 'out', LAST)), await readSafetensors(join(probed.folder, 'out', LAST))];
  expect(other.tensors).toEqual(one.tensors);
});

test.each([
  [1, [1, 2, 3]],
  [2, [2, 3]],
])('pretrain: looks after every %i epochs and the last one; curve, progress and facts tell', async (everyEpochs, epochs) => {
  const { curve, progress, facts, finished } = await run(await prepared(), everyEpochs);
  expect(finished).toBe(true);
  expect(looks(curve)).toEqual(epochs);
  const last = { epoch: EPOCHS, ...curve.at(-1)?.review };
  expect(facts.review).toEqual(last);
  const told = progress.map(({ review }) => review?.epoch).filter((epoch) => epoch !== undefined);
  expect([...new Set(told)]).toEqual(epochs.slice(0, -1)); // the last one is told by the facts
});

test('pretrain: the last look finds what an evaluation finds of the finished encoder', async () => {
  const { folder, shards } = await prepared();
  const { facts } = await run({ folder, shards }, EPOCHS);
  await copyFile(join(folder, 'out', 'model.safetensors'), join(folder, 'in', 'representation.safetensors'));
  const labelled = (async function* () {
    for (const bytes of known) yield readShard(bytes);
  })();
  const linear = architecture({ ...narrow, classes: CLASSES, headLayers: 0 });
  const stop = new AbortController().signal;
  const wanted = { folder, architecture: linear, labelled, crop: 1, seed: 5, execution: 'float32' as const, tell: () => undefined, stop };
  const models = await frozenModels(wanted);
  const found = models.map(({ name, weights, predict }) => {
    const right = judged.map(readShard).map(({ images, labels, ids }) => {
      const { logits } = predict(weights, bytesTensor(images.slice(), [ids.length, SIZE, SIZE, 3]));
      return Array.from(tf.argMax(logits, 1).dataSync()).filter((called, i) => called === labels[i]).length;
    });
    return [name, right.reduce((sum, count) => sum + count, 0) / 24];
  });
  expect(facts.review).toEqual({ epoch: EPOCHS, ...Object.fromEntries(found) });
});

test.each([4, STEPS])('pretrain: stopped while it looks, after step %i, and resumed it has looked as if never stopped', async (stopAt) => {
  const straight = await prepared();
  const whole = await run(straight, 1);
  const first = await prepared();
  const interrupted = await run(first, 1, stopAt);
  expect(interrupted.finished).toBe(false);
  expect(looks(interrupted.curve)).toEqual([1, 2, 3].filter((epoch) => 2 * epoch < stopAt));

  const second = await prepared(stopAt / 2);
  await copyFile(join(first.folder, 'out', interrupted.checkpoints[0]!.file), join(second.folder, 'in', 'resume.safetensors'));
  const resumed = await run(second, 1, Infinity, 'resume.safetensors');
  expect(resumed.finished).toBe(true);
  expect(resumed.facts.review).toEqual(whole.facts.review);
  expect(resumed.facts.curve).toEqual(whole.curve);
  if (stopAt < STEPS) expect((await out(second.folder, LAST)).equals(await out(straight.folder, LAST))).toBe(true);
  expect((await out(second.folder, 'model.safetensors')).equals(await out(straight.folder, 'model.safetensors'))).toBe(true);
});

test('pretrain: looks leave no tensor behind, stopped ones neither', async () => {
  const [one, other] = [await prepared(), await prepared()];
  const before = [tf.memory().numTensors, binding().getNumOfTensors()];
  await run(one, EPOCHS);
  await run(other, 1, 2);
  expect([tf.memory().numTensors, binding().getNumOfTensors()]).toEqual(before);
});
