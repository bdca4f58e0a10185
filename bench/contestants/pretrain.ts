/** Ours: steps of contrastive pretraining. Arguments: `depth size images execution`; every image has two views. */
import { networkOf } from '../../learning/networks/network.ts';
import { bytesTensor } from '../../learning/ops/native.ts';
import { lars } from '../../learning/optimizers/lars.ts';
import { pretrainStep } from '../../learning/steps/pretrain.ts';
import { serve } from './serve.ts';
import { architectureOf, madeUpPixels, settingOf, training } from './setting.ts';

const { depth, size, images, execution } = settingOf(process.argv.slice(2));
const pixels = madeUpPixels(images, size, 2);

await serve(() => {
  const network = networkOf(architectureOf(depth, size, 0));
  const optimizer = lars(network.parameters, { weightDecay: 1e-4 });
  const step = pretrainStep(network, optimizer, { temperature: 0.5 });
  return training(step, execution, [...network.parameters, ...optimizer.slots], () => ({
    pixels: bytesTensor(pixels, [2 * images, size, size, 3]),
  }));
});
