/** Early stopping of supervised training. */
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { CurvePoint, Review } from '../../../contracts/progress.ts';
import type { FinetuneJob } from '../../../contracts/trainer.ts';
import { plainViews } from '../../../contracts/views.ts';
import { packFile } from '../../../learning/feed.ts';
import { encodeShard } from '../../../learning/images/shards.ts';
import { finetune } from '../../../learning/loops/finetune.ts';
import { bestOf, isOver } from '../../../learning/loops/review.ts';
import { crossEntropy } from '../../../learning/losses/cross-entropy.ts';
import { networkOf } from '../../../learning/networks/network.ts';
import { initialState } from '../../../learning/networks/parameters.ts';
import { binding, bytesTensor, fromBytes } from '../../../learning/ops/native.ts';
import { readSafetensors } from '../../../learning/safetensors.ts';
import { loadModel, saveModel } from '../../../learning/state.ts';
import { predictor } from '../../../learning/steps/predict.ts';
import { type Tensor, tf } from '../../../learning/tensorflow.ts';
import { centreCrop } from '../../../learning/views/centre-crop.ts';
import { architecture, CLASSES, pixelsOf, SIZE, scratch, settings, supply, surroundings } from './scratch.ts';

const EPOCHS = 20;
const STEPS_AN_EPOCH = 2; // 16 images, 8 a batch
const JUDGED = 12;
const narrow = { encoder: { depth: 18, width: 0.0625, stem: 'small' } } as const;
const classifier = architecture({ ...narrow, classes: CLASSES, headLayers: 1 });
const representation = architecture(narrow);
const rate = { learningRate: { base: 0.05, scaling: 'none' as const } };
const recipe = settings({ finetune: { epochs: EPOCHS, atLeastSteps: 0, batch: 8, ...rate, baseline: rate } });

/** The more a network learns, the less it gets of these: each has the label of another class. */
const misleading = (image: number) => (image + 1) % CLASSES;
const honest = (image: number) => image % CLASSES;

async function prepared({ from = 0, labelOf = misleading } = {}) {
  const folder = await scratch();
  const shards = await supply(folder, { images: 16, perShard: 8, epochs: EPOCHS, from });
  const images = Array.from({ length: JUDGED }, (_, i) => ({ id: `other-${i}`, label: labelOf(i), pixels: pixelsOf(100 + i) }));
  await writeFile(join(folder, 'in', packFile('judged', 0)), encodeShard(images, SIZE));
  const { parameters } = networkOf(representation);
  const drawn = initialState(parameters, 6);
  await saveModel(join(folder, 'in', 'representation.safetensors'), drawn, parameters, representation);
  tf.dispose(drawn);
  return { folder, shards };
}

type Run = {
  patience?: number;
  classImages?: number[];
  evaluationCrop?: number;
  baseline?: boolean;
  stopAt?: number;
  resume?: string;
  checkpointSeconds?: number;
};

async function run(
  { folder, shards }: Awaited<ReturnType<typeof prepared>>,
  { patience = 2, classImages, evaluationCrop, stopAt, ...more }: Run = {},
) {
  const job: FinetuneJob = {
    kind: 'finetune',
    architecture: classifier,
    baseline: true,
    finetune: recipe.finetune,
    views: plainViews('finetune'),
    shards,
    stopping: patience > 0 ? { patience, judged: [{ images: JUDGED }] } : undefined,
    judging: { classImages, evaluationCrop },
    ...recipe.compute,
    seed: 5,
    checkpointSeconds: 1e6,
    ...more,
  };
  const around = surroundings(folder, stopAt);
  const outcome = await finetune(job, around);
  const [last] = around.heard.checkpoints.slice(-1);
  return { ...outcome, last, curve: last?.curve ?? [], facts: outcome.facts as { steps: number; best?: Review & { epoch: number } } };
}

const out = (folder: string, file: string) => readFile(join(folder, 'out', file));
const checkpointOf = (step: number) => `checkpoint-${String(step).padStart(8, '0')}.safetensors`;

test.each([true, false])(
  'finetune: ends when the best epoch is long ago, with the weights of that epoch (baseline: %s)',
  async (baseline) => {
    const { folder, shards } = await prepared();
    const { facts, finished, curve, last } = await run({ folder, shards }, { baseline });
    const { epoch = 0, heldOut } = facts.best ?? {};
    expect([finished, last?.final]).toEqual([true, true]);
    expect(facts.steps).toBe((epoch + 2) * STEPS_AN_EPOCH);
    expect(facts.steps).toBeLessThan(EPOCHS * STEPS_AN_EPOCH);
    expect(curve.filter(({ review }) => review).map((point) => point.epoch)).toEqual(Array.from({ length: epoch + 2 }, (_, i) => i + 1));

    const model = await readSafetensors(join(folder, 'out', 'model.safetensors'));
    const stopped = await prepared();
    await run(stopped, { baseline, stopAt: epoch * STEPS_AN_EPOCH });
    const then = await readSafetensors(join(stopped.folder, 'out', checkpointOf(epoch * STEPS_AN_EPOCH)));
    const end = await readSafetensors(join(folder, 'out', checkpointOf(facts.steps)));
    for (const [name, { data }] of Object.entries(model.tensors)) expect(data, name).toEqual(then.tensors[name]?.data);
    const kernel = 'classifier/dense/kernel';
    expect(end.tensors[kernel]?.data).not.toEqual(model.tensors[kernel]?.data);

    const network = networkOf(classifier);
    const weights = await loadModel(join(folder, 'out', 'model.safetensors'), classifier, network.parameters);
    const right = Array.from({ length: JUDGED }, (_, i) => {
      const { logits } = predictor(network, 'eager')(weights, bytesTensor(pixelsOf(100 + i), [1, SIZE, SIZE, 3]));
      return tf.argMax(logits, 1).dataSync()[0] === misleading(i);
    });
    expect(heldOut).toBeCloseTo(right.filter(Boolean).length / JUDGED, 9);
  },
);

test('finetune: without it every epoch is trained, by other weights; more patience trains longer', async () => {
  const weights: Buffer[] = [];
  const steps: number[] = [];
  for (const patience of [0, 2, 4]) {
    const { folder, shards } = await prepared();
    steps.push((await run({ folder, shards }, { patience })).facts.steps);
    weights.push(await out(folder, 'model.safetensors'));
  }
  expect(steps[0]).toBe(EPOCHS * STEPS_AN_EPOCH);
  expect(steps[2]).toBeGreaterThan(steps[1]!);
  expect(weights[1]?.equals(weights[0]!)).toBe(false);
});

test('finetune: what gets better and better is trained to the end', async () => {
  const { facts } = await run(await prepared({ labelOf: honest }), { patience: EPOCHS });
  expect(facts.steps).toBe(EPOCHS * STEPS_AN_EPOCH);
  expect(facts.best?.heldOut).toBeGreaterThan(0.5);
});

test('finetune: stopped while its best epoch is judged, or within the next, and resumed it gives the same bytes as never stopped', async () => {
  const straight = await prepared();
  const whole = await run(straight);
  const best = (whole.facts.best?.epoch ?? 0) * STEPS_AN_EPOCH;
  for (const stopAt of [best, best + 1]) {
    const first = await prepared();
    const interrupted = await run(first, { stopAt });
    expect(interrupted.finished).toBe(false);
    const second = await prepared({ from: Math.floor(stopAt / STEPS_AN_EPOCH) });
    await copyFile(join(first.folder, 'out', interrupted.last!.file), join(second.folder, 'in', 'resume.safetensors'));
    const resumed = await run(second, { resume: 'resume.safetensors' });
    expect(resumed.facts, `stopped at ${stopAt}`).toEqual(whole.facts);
    for (const file of ['model.safetensors', checkpointOf(whole.facts.steps)])
      expect((await out(second.folder, file)).equals(await out(straight.folder, file)), `${file}, stopped at ${stopAt}`).toBe(true);
  }
});

test('finetune: ended early but killed before its model was kept, it trains no further', async () => {
  const first = await prepared();
  const { facts, last } = await run(first);
  const again = await prepared();
  await copyFile(join(first.folder, 'out', last!.file), join(again.folder, 'in', 'resume.safetensors'));
  const resumed = await run(again, { resume: 'resume.safetensors' });
  expect([resumed.finished, resumed.facts.steps, resumed.last]).toEqual([true, facts.steps, undefined]);
  expect((await out(again.folder, 'model.safetensors')).equals(await out(first.folder, 'model.safetensors'))).toBe(true);
});

test('finetune: with classes that weigh alike the best epoch is that of the best balanced accuracy', async () => {
  const labelOf = (image: number) => (image < 9 ? 0 : 1); // nine and three
  const { folder, shards } = await prepared({ labelOf });
  const { facts } = await run({ folder, shards }, { classImages: [9, 3, 0, 0] });
  const network = networkOf(classifier);
  const weights = await loadModel(join(folder, 'out', 'model.safetensors'), classifier, network.parameters);
  const right = [0, 0];
  for (let i = 0; i < JUDGED; i++) {
    const { logits } = predictor(network, 'eager')(weights, bytesTensor(pixelsOf(100 + i), [1, SIZE, SIZE, 3]));
    if (tf.argMax(logits, 1).dataSync()[0] === labelOf(i)) right[labelOf(i)]!++;
  }
  expect(right[0]! / 9).not.toBe(right[1]! / 3); // plain and balanced accuracy differ
  expect(facts.best?.heldOut).toBeCloseTo((right[0]! / 9 + right[1]! / 3) / 2, 9);
});

test('finetune: epochs are judged by the part of an image that evaluation sees', async () => {
  const { folder, shards } = await prepared();
  const { facts } = await run({ folder, shards }, { evaluationCrop: 0.5 });
  const network = networkOf(classifier);
  const weights = await loadModel(join(folder, 'out', 'model.safetensors'), classifier, network.parameters);
  const lossOf = (see: (pixels: Tensor) => Tensor) => {
    const pixels = tf.concat(Array.from({ length: JUDGED }, (_, i) => fromBytes(bytesTensor(pixelsOf(100 + i), [1, SIZE, SIZE, 3]))));
    const labels = tf.tensor1d(
      Array.from({ length: JUDGED }, (_, i) => misleading(i)),
      'int32',
    );
    return crossEntropy(predictor(network, 'eager')(weights, see(pixels)).logits, labels).dataSync()[0]!;
  };
  expect(facts.best?.heldOutLoss).toBeCloseTo(
    lossOf((pixels) => centreCrop(pixels, 0.5, 255)),
    4,
  );
  expect(facts.best?.heldOutLoss).not.toBeCloseTo(
    lossOf((pixels) => pixels),
    4,
  );
});

test('finetune: early stopping leaves no tensor behind', async () => {
  const [one, other] = [await prepared(), await prepared()];
  const before = [tf.memory().numTensors, binding().getNumOfTensors()];
  await run(one);
  await run(other, { stopAt: 4 });
  expect([tf.memory().numTensors, binding().getNumOfTensors()]).toEqual(before);
});

describe('bestOf, isOver', () => {
  const curveOf = (...reviews: [heldOut: number, heldOutLoss: number][]): CurvePoint[] =>
    reviews.flatMap(([heldOut, heldOutLoss], i) => [
      { step: 2 * i + 1, epoch: i + 0.5, loss: 1, learningRate: 0 },
      { step: 2 * i + 2, epoch: i + 1, loss: 1, learningRate: 0, review: { heldOut, heldOutLoss } },
    ]);
  const best = (...reviews: [number, number][]) => bestOf(curveOf(...reviews))?.epoch;

  test('most right; of equals the lower loss; of those the earlier', () => {
    expect(best([0.5, 1], [0.6, 2], [0.6, 1.5], [0.6, 1.5], [0.4, 0.1])).toBe(3);
    expect(best()).toBeUndefined();
  });

  test('over after so many reviews that are no better', () => {
    const curve = curveOf([0.5, 1], [0.6, 1], [0.6, 1], [0.5, 0.5]);
    expect([1, 2, 3].map((patience) => isOver(curve, patience))).toEqual([true, true, false]);
    expect(isOver([], 1)).toBe(false);
  });
});
