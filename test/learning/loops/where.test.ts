/** Who renders the views of pretraining makes no difference to what is learnt. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { PretrainJob, ShardFiles, ViewSettings } from '../../../contracts/trainer.ts';
import { pretrain } from '../../../learning/loops/pretrain.ts';
import { readSafetensors, writeSafetensors } from '../../../learning/safetensors.ts';
import type { Execution } from '../../../learning/steps/step.ts';
import { drawViews } from '../../../learning/views/draw.ts';
import { renderViews } from '../../../learning/views/render.ts';
import { architecture, SIZE, scratch, settings, supply, surroundings } from './scratch.ts';

const SEED = 5;
const views: ViewSettings = { kind: 'simclr', jitter: 0.5, minArea: 0.08, blur: true };
const recipe = settings({ pretrain: { epochs: 2, batch: 12, headLayers: 2, projection: 16 } });

/** Train on the shards of `folder` and return what comes out. */
async function learn(folder: string, shards: ShardFiles, execution: Execution, more: { views?: ViewSettings }): Promise<Buffer[]> {
  const job: PretrainJob = {
    ...recipe.compute,
    ...more,
    kind: 'pretrain',
    architecture: architecture(),
    pretrain: recipe.pretrain,
    shards,
    untilEpoch: recipe.pretrain.epochs,
    seed: SEED,
  };
  await pretrain(job, surroundings(folder, Infinity, execution));
  const files = (await readdir(join(folder, 'out'))).sort();
  return Promise.all(files.map((file) => readFile(join(folder, 'out', file))));
}

/** What data workers would have written: the views of each shard and epoch, in a folder of their own. */
async function renderAll(images: string): Promise<string> {
  const folder = await scratch();
  for (const name of await readdir(join(images, 'in'))) {
    const { tensors, metadata } = await readSafetensors(join(images, 'in', name));
    const parameters = drawViews(views, SEED, Number(name.slice(1, 7)), JSON.parse(metadata.ids!), 2, SIZE);
    await writeSafetensors(join(folder, 'in', name), { views: renderViews(tensors.images!, parameters) }, metadata);
  }
  return folder;
}

test.each<Execution>(['float32', 'bfloat16', 'eager'])(
  'pretrain: views rendered while training (%s) give the same checkpoint and model, to the bit, as views written before',
  async (execution) => {
    const images = await scratch();
    const shards = await supply(images, { images: 40, perShard: 15, epochs: 2 });
    const written = await learn(await renderAll(images), shards, execution, {});
    const rendered = await learn(images, shards, execution, { views });
    expect(written.length).toBeGreaterThan(1);
    expect(rendered.map((bytes, i) => bytes.equals(written[i]!))).toEqual(written.map(() => true));
  },
);

test('pretrain: shards of images without settings to render them, or of views with such, are refused', async () => {
  const [images, both] = [await scratch(), await scratch()];
  const shards = await supply(images, { images: 24, perShard: 12, epochs: 2 });
  await supply(both, { images: 24, perShard: 12, epochs: 2, views: 2 });
  await expect(learn(images, shards, 'eager', {})).rejects.toThrow('shards must hold two views of each image: they hold 1 of each');
  await expect(learn(both, shards, 'eager', { views })).rejects.toThrow('shards must hold the images to render: they hold 2 of each');
});
