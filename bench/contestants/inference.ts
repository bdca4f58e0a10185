/** Ours: a classifier's answers, from bytes to probabilities on the host. Arguments: `depth size images execution`. */
import { networkOf } from '../../learning/networks/network.ts';
import { initialState } from '../../learning/networks/parameters.ts';
import { bytesTensor } from '../../learning/ops/native.ts';
import { predictor } from '../../learning/steps/predict.ts';
import { tf } from '../../learning/tensorflow.ts';
import { serve } from './serve.ts';
import { architectureOf, CLASSES, madeUpPixels, settingOf } from './setting.ts';

const { depth, size, images, execution } = settingOf(process.argv.slice(2));
const bytes = madeUpPixels(images, size);

await serve(() => {
  const network = networkOf(architectureOf(depth, size, CLASSES));
  const weights = initialState(network.parameters, 1);
  const predict = predictor(network, execution);
  return () => {
    const pixels = bytesTensor(bytes, [images, size, size, 3]);
    const { logits, probabilities } = predict(weights, pixels);
    probabilities.dataSync();
    tf.dispose([pixels, logits, probabilities]);
    return undefined;
  };
});
