import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { FinetuneJob, ShardFiles } from '../../../contracts/trainer.ts';
import { plainViews } from '../../../contracts/views.ts';
import { finetune } from '../../../learning/loops/finetune.ts';
import { networkOf } from '../../../learning/networks/network.ts';
import { initialState } from '../../../learning/networks/parameters.ts';
import { readSafetensors } from '../../../learning/safetensors.ts';
import { saveModel } from '../../../learning/state.ts';
import { architecture, CLASSES, scratch, settings, supply, surroundings } from './scratch.ts';

const representation = architecture();
const classifier = architecture({ classes: CLASSES, headLayers: 1 });

/** Tensors of the representation and of the classifier that two steps make of it; of a baseline, of the network it began from. */
async function trained(train: 'all' | 'head', baseline = false) {
  const folder = await scratch();
  const { parameters } = networkOf(representation);
  const file = join(folder, 'in', 'representation.safetensors');
  await saveModel(file, initialState(parameters, 6), parameters, representation);
  const { finetune: wanted, compute } = settings({ finetune: { epochs: 2, atLeastSteps: 0, batch: 16, train } });
  const shards: ShardFiles = await supply(folder, { images: 16, perShard: 16, epochs: 2 });
  const job: FinetuneJob = {
    kind: 'finetune',
    architecture: classifier,
    baseline,
    finetune: wanted,
    views: plainViews('finetune'),
    shards,
    seed: 5,
    ...compute,
  };
  await finetune(job, surroundings(folder));
  const { tensors: before } = await readSafetensors(file);
  const { tensors: after } = await readSafetensors(join(folder, 'out', 'model.safetensors'));
  return { before, after };
}

test('finetune: of the head alone, the encoder comes out as it went in, bit by bit; the head does not', async () => {
  const { before, after } = await trained('head');
  const encoder = Object.keys(before).filter((name) => name.startsWith('encoder/'));
  expect(encoder.length).toBeGreaterThan(100);
  for (const name of encoder) expect(after[name]!.data, name).toEqual(before[name]!.data);
  expect(after['head/layer1/dense/kernel']!.data).not.toEqual(before['head/layer1/dense/kernel']!.data);
  expect((await trained('all')).after['encoder/stem/norm/mean']!.data).not.toEqual(before['encoder/stem/norm/mean']!.data);
});

test('finetune: the baseline trains all, whatever fine-tuning trains', async () => {
  const [all, head] = [await trained('all', true), await trained('head', true)];
  expect(head.after).toEqual(all.after);
});
