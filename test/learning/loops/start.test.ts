import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { PretrainJob } from '../../../contracts/trainer.ts';
import { toPytorch } from '../../../learning/interchange.ts';
import { pretrain } from '../../../learning/loops/pretrain.ts';
import { networkOf } from '../../../learning/networks/network.ts';
import { initialValue } from '../../../learning/networks/parameters.ts';
import { type HostTensors, readSafetensors, writeSafetensors } from '../../../learning/safetensors.ts';
import { hostTensors } from '../tensors.ts';
import { architecture, scratch, settings, supply, surroundings } from './scratch.ts';

const { parameters } = networkOf(architecture());
const weights = hostTensors(parameters, (spec) => initialValue({ ...spec, initial: { kind: 'normal', deviation: 0.1 } }, 9));

/** Kernels after one step that is too small to move them. */
async function kernelsAfter(write?: (file: string) => Promise<void>): Promise<HostTensors> {
  const folder = await scratch();
  const recipe = settings({
    pretrain: { epochs: 1, batch: 8, headLayers: 2, projection: 16, learningRate: { base: 1e-12, scaling: 'none' } },
  });
  await write?.(join(folder, 'in', 'start.safetensors'));
  const job: PretrainJob = {
    ...recipe.compute,
    kind: 'pretrain',
    seed: 3,
    architecture: architecture(),
    start: write && 'start.safetensors',
    pretrain: recipe.pretrain,
    shards: await supply(folder, { images: 8, perShard: 8, epochs: 1, views: 2 }),
    untilEpoch: 1,
  };
  expect((await pretrain(job, surroundings(folder))).finished).toBe(true);
  const { tensors } = await readSafetensors(join(folder, 'out', 'model.safetensors'));
  return Object.fromEntries(Object.entries(tensors).filter(([name]) => name.endsWith('/kernel')));
}

test.each([
  ['a model of ours', (file: string) => writeSafetensors(file, weights, { kind: 'model', architecture: JSON.stringify(architecture()) })],
  ['a file with PyTorch’s names', (file: string) => writeSafetensors(file, toPytorch(weights))],
])('pretrain: starts from the encoder of %s, with a head of its own', async (_what, write) => {
  const [fresh, started] = [await kernelsAfter(), await kernelsAfter(write)];
  for (const [name, { data }] of Object.entries(started)) {
    const expected = name.startsWith('encoder/') ? weights[name]!.data : fresh[name]!.data;
    expect(Math.max(...data.map((value, i) => Math.abs(value - expected[i]!)))).toBeLessThan(1e-6);
  }
});

test('pretrain: a start of another encoder is refused, with what differs', async () => {
  const other = { ...architecture(), encoder: { ...architecture().encoder, width: 0.25 } };
  const ours = (file: string) => writeSafetensors(file, weights, { kind: 'model', architecture: JSON.stringify(other) });
  await expect(kernelsAfter(ours)).rejects.toThrow('its encoder must be the same');
  const { 'bn1.weight': _weight, ...rest } = toPytorch(weights);
  await expect(kernelsAfter((file) => writeSafetensors(file, rest))).rejects.toThrow('"bn1.weight" is missing (depth 18, width 0.125)');
});
