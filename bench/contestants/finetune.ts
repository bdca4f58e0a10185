/** Ours: steps of fine-tuning. Arguments: `depth size images execution`. */
import { networkOf } from '../../learning/networks/network.ts';
import { bytesTensor } from '../../learning/ops/native.ts';
import { momentum } from '../../learning/optimizers/momentum.ts';
import { finetuneStep } from '../../learning/steps/finetune.ts';
import { tf } from '../../learning/tensorflow.ts';
import { serve } from './serve.ts';
import { architectureOf, CLASSES, madeUpPixels, settingOf, training } from './setting.ts';

const { depth, size, images, execution } = settingOf(process.argv.slice(2));
const pixels = madeUpPixels(images, size);
const labels = Int32Array.from({ length: images }, (_, image) => image % CLASSES);

await serve(() => {
  const network = networkOf(architectureOf(depth, size, CLASSES));
  const optimizer = momentum(network.parameters, { weightDecay: 1e-4 });
  const step = finetuneStep(network, optimizer, { normalisation: 'batch' });
  return training(step, execution, [...network.parameters, ...optimizer.slots], () => ({
    pixels: bytesTensor(pixels, [images, size, size, 3]),
    labels: tf.tensor1d(labels, 'int32'),
  }));
});
