import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { CurvePoint } from '../../../contracts/progress.ts';
import type { PretrainJob } from '../../../contracts/trainer.ts';
import { inputFile } from '../../../learning/feed.ts';
import { collapseOf } from '../../../learning/loops/collapse.ts';
import { pretrain } from '../../../learning/loops/pretrain.ts';
import { writeSafetensors } from '../../../learning/safetensors.ts';
import { architecture, SIZE, scratch, settings, supply, surroundings } from './scratch.ts';

/** 4,000 steps of 64 images, a point every 20: a twentieth are 200 steps. ln(2·64 − 1) = 4.844187. */
const plan = { batch: 64, steps: 4000, warmupSteps: 200 };
const dimensions = { dimensions: 64 }; // spread evenly, the deviation is 1/√64 = 0.125

/** A curve to `until` that measures `usual`, and `other` from `since` on. */
function curve(until: number, usual: Partial<CurvePoint>, since = Infinity, other: Partial<CurvePoint> = {}): CurvePoint[] {
  return Array.from({ length: until / 20 }, (_, i) => {
    const step = 20 * (i + 1);
    return { step, epoch: step / 100, loss: 3, deviation: 0.12, learningRate: 1, ...usual, ...(step >= since ? other : {}) };
  });
}

describe('collapseOf', () => {
  test('collapseOf: a loss at ln(2N − 1), 0.02 below it or above it is told once it has lasted a twentieth of the steps', () => {
    for (const loss of [Math.log(127), Math.log(127) - 0.0199, 6]) {
      expect(collapseOf(curve(1160, {}, 1000, { loss }), plan, dimensions)).toBeUndefined();
      expect(collapseOf(curve(1180, {}, 1000, { loss }), plan, dimensions)).toMatch(/ln\(2N − 1\) = 4\.84.*pretrain\.learningRate/);
    }
    expect(collapseOf(curve(4000, { loss: Math.log(127) - 0.021 }), plan, dimensions)).toBeUndefined();
  });

  test('collapseOf: embeddings all alike are told, whatever the loss', () => {
    const told = collapseOf(curve(1200, {}, 1000, { deviation: 0.012 }), plan, dimensions);
    expect(told).toMatch(/embeddings of all images are alike.*0\.0125.*pretrain\.temperature.*pretrain\.batch/); // a tenth of 0.125
    expect(collapseOf(curve(1200, {}, 1000, { deviation: 0.013 }), plan, dimensions)).toBeUndefined();
  });

  test('collapseOf: one point that is better takes it back, and its words stay the same while it lasts', () => {
    const stuck = curve(2000, { loss: 5 });
    expect(collapseOf(stuck, plan, dimensions)).toBe(collapseOf(stuck.slice(0, 50), plan, dimensions));
    expect(collapseOf([...stuck.slice(0, -1), { ...stuck.at(-1)!, loss: 4 }], plan, dimensions)).toBeUndefined();
  });

  test('collapseOf: the warm-up does not count, nor do less than a hundred steps', () => {
    expect(collapseOf(curve(380, { loss: 5 }), plan, dimensions)).toBeUndefined();
    expect(collapseOf(curve(400, { loss: 5 }), plan, dimensions)).toBeDefined();
    const short = { batch: 64, steps: 120, warmupSteps: 0 };
    expect(collapseOf(curve(80, { loss: 5 }), short, dimensions)).toBeUndefined();
    expect(collapseOf(curve(100, { loss: 5 }), short, dimensions)).toBeDefined();
    expect(collapseOf([], short, dimensions)).toBeUndefined();
  });
});

const [EPOCHS, IMAGES, BATCH] = [40, 12, 4];

async function pretraining(black: boolean) {
  const folder = await scratch();
  const shards = await supply(folder, { images: IMAGES, perShard: IMAGES, epochs: EPOCHS, views: 2 });
  const views = { dtype: 'uint8' as const, shape: [IMAGES, 2, SIZE, SIZE, 3], data: new Uint8Array(IMAGES * 2 * SIZE * SIZE * 3) };
  const ids = { ids: JSON.stringify(Array.from({ length: IMAGES }, (_, image) => `image-${image}`)) };
  for (let epoch = 0; black && epoch < EPOCHS; epoch++) await writeSafetensors(join(folder, 'in', inputFile(epoch, 0)), { views }, ids);
  const recipe = settings({
    pretrain: { epochs: EPOCHS, batch: BATCH, headLayers: 2, projection: 16, temperature: 0.5, warmupEpochs: 0 },
  });
  const job: PretrainJob = {
    kind: 'pretrain',
    architecture: architecture({ encoder: { depth: 18, width: 0.0625, stem: 'small' } }),
    pretrain: { ...recipe.pretrain, optimizer: 'momentum', learningRate: { base: 0.05, scaling: 'none' } },
    shards,
    untilEpoch: EPOCHS,
    seed: 1,
    ...recipe.compute,
    checkpointSeconds: 1e6,
  };
  const around = surroundings(folder);
  const { facts } = await pretrain(job, around);
  return { facts, progress: around.heard.progress, last: around.heard.checkpoints.at(-1)!.curve.at(-1)! };
}

test('pretrain: images that are all black collapse it, and progress and facts say so', async () => {
  const { facts, progress, last } = await pretraining(true);
  expect(last.loss).toBeCloseTo(Math.log(2 * BATCH - 1), 4);
  expect(last.deviation).toBeCloseTo(0, 5);
  expect(last.entropy).toBeCloseTo(Math.log(BATCH), 4);
  expect(progress.find(({ step }) => step === 99)?.warning).toBeUndefined();
  expect(progress.find(({ step }) => step === 101)?.warning).toMatch(/all images are alike/);
  expect(facts.warning).toBe(progress.at(-1)!.warning);
});

test('pretrain: on images that differ it warns of nothing', async () => {
  const { facts, progress, last } = await pretraining(false);
  expect(progress.filter(({ warning }) => warning !== undefined)).toEqual([]);
  expect(facts.warning).toBeUndefined();
  expect(last.deviation).toBeGreaterThan(0.5 / Math.sqrt(16));
});
