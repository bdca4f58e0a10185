/**
 * One step of pretraining and some views, on whatever device TensorFlow finds: `work.ts <execution> <file>`. The file gets, as
 * safetensors, every weight's change in that step, the loss, and the views.
 */

import { networkOf } from '../../../learning/networks/network.ts';
import { initialState } from '../../../learning/networks/parameters.ts';
import { binding, bytesTensor } from '../../../learning/ops/native.ts';
import { momentum } from '../../../learning/optimizers/momentum.ts';
import { randomStream } from '../../../learning/random.ts';
import { writeSafetensors } from '../../../learning/safetensors.ts';
import { pretrainStep } from '../../../learning/steps/pretrain.ts';
import { type Execution, stepper } from '../../../learning/steps/step.ts';
import { tf } from '../../../learning/tensorflow.ts';
import { drawViews } from '../../../learning/views/draw.ts';
import { renderViews } from '../../../learning/views/render.ts';

const [execution, file] = process.argv.slice(2) as [Execution, string];
const [IMAGES, SIZE] = [32, 32];
const noise = randomStream(1, 'noise');
const data = Uint8Array.from({ length: IMAGES * SIZE * SIZE * 3 }, (_, at) => 40 * (Math.floor(at / 3072) % 5) + noise.integer(80));

const ids = Array.from({ length: IMAGES }, (_, i) => `image-${i}`);
const everything = { kind: 'simclr', jitter: 1, minArea: 0.08, blur: true, rotation: 30, solarize: 0.3, erasing: 0.3 } as const;
const views = renderViews({ dtype: 'uint8', shape: [IMAGES, SIZE, SIZE, 3], data }, drawViews(everything, 1, 0, ids, 2, SIZE));

const network = networkOf({
  encoder: { depth: 18, width: 0.25, stem: 'small' },
  headLayers: 3,
  projection: 64,
  classes: 0,
  size: SIZE,
});
const optimizer = momentum(network.parameters, { weightDecay: 1e-4 });
const state = initialState([...network.parameters, ...optimizer.slots], 1);
const before = Object.fromEntries(network.parameters.map(({ name }) => [name, state[name]!.dataSync().slice()]));
const { take, state: now } = stepper(pretrainStep(network, optimizer, { temperature: 0.5 }), execution, state);
const pixels = bytesTensor(views.data as Uint8Array, [2 * IMAGES, SIZE, SIZE, 3]);
const { loss } = take({ pixels, learningRate: tf.scalar(1) });
const after = now();

const float = (values: Float32Array, shape: number[]) => ({ dtype: 'float32' as const, shape, data: values });
await writeSafetensors(
  file,
  {
    loss: float(loss!.dataSync() as Float32Array, []),
    views,
    ...Object.fromEntries(
      network.parameters.map(({ name }) => {
        const [old, fresh] = [before[name]!, after[name]!.dataSync()];
        return [
          `change/${name}`,
          float(
            Float32Array.from(fresh, (value, i) => value - old[i]!),
            after[name]!.shape,
          ),
        ];
      }),
    ),
  },
  { device: binding().isUsingGpuDevice() ? 'GPU' : 'CPU' },
);
