import { expect, test } from 'vitest';
import type { PretrainJob } from '../../../contracts/trainer.ts';
import { collectGarbage } from '../../../learning/garbage.ts';
import { pretrain } from '../../../learning/loops/pretrain.ts';
import { architecture, SIZE, scratch, settings, supply, surroundings } from './scratch.ts';

const [EPOCHS, IMAGES, BATCH] = [60, 24, 6];

test('train: no batch outlives its step', async () => {
  const folder = await scratch();
  const shards = await supply(folder, { images: IMAGES, perShard: 12, epochs: EPOCHS, views: 2 });
  const recipe = settings({ pretrain: { epochs: EPOCHS, batch: BATCH, headLayers: 2, projection: 16 } });
  const job: PretrainJob = {
    kind: 'pretrain',
    architecture: architecture({ encoder: { depth: 18, width: 0.0625, stem: 'small' } }),
    pretrain: recipe.pretrain,
    shards,
    untilEpoch: EPOCHS,
    seed: 1,
    ...recipe.compute,
    checkpointSeconds: 1e6,
  };
  const around = surroundings(folder);
  const held = new Map<number, number>();
  const { onProgress } = around;
  around.onProgress = (progress) => {
    onProgress(progress);
    if (![40, 240].includes(progress.step)) return;
    collectGarbage();
    held.set(progress.step, process.memoryUsage().arrayBuffers);
  };
  await pretrain(job, around);
  const bytesOfSteps = 200 * 2 * BATCH * SIZE * SIZE * 3; // what 200 batches take
  expect(held.get(240)! - held.get(40)!).toBeLessThan(bytesOfSteps / 4);
});
