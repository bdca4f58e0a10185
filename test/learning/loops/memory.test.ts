import { expect, test } from 'vitest';
import type { PretrainJob } from '../../../contracts/trainer.ts';
import { collectGarbage } from '../../../learning/garbage.ts';
import { pretrain } from '../../../learning/loops/pretrain.ts';
import { architecture, SIZE, scratch, settings, supply, surroundings } from './scratch.ts';

const [EPOCHS, IMAGES, BATCH] = [60, 24, 6];
/** Steps 30 to 39 of 240, and 230 to 239. */
const LOOKS = new Map([
  [3, 'early'],
  [23, 'late'],
] as const);

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
  // What is held for good is there at every look; what V8 frees a moment late only at some. So the least of ten looks counts.
  const held = { early: Number.POSITIVE_INFINITY, late: Number.POSITIVE_INFINITY };
  const { onProgress } = around;
  around.onProgress = (progress) => {
    onProgress(progress);
    const when = LOOKS.get(Math.floor(progress.step / 10) as 3 | 23);
    if (!when) return;
    collectGarbage();
    held[when] = Math.min(held[when], process.memoryUsage().arrayBuffers);
  };
  await pretrain(job, around);
  const bytesOfSteps = 200 * 2 * BATCH * SIZE * SIZE * 3; // what 200 batches take
  expect(held.late - held.early).toBeLessThan(bytesOfSteps / 4);
});
