/** Inference: a network as it stands, with its stored statistics. */

import { compile } from '../compile/compile.ts';
import type { Network } from '../networks/network.ts';
import type { State } from '../networks/parameters.ts';
import { type Tensor, tf } from '../tensorflow.ts';
import { type Execution, imagesOf } from './step.ts';

/**
 * Images to what the network says of them. Nothing of `weights` changes.
 * @param pixels  [B, H, W, 3], 0 to 255: bytes of `bytesTensor`, or float32
 * @returns       logits and probabilities, float32 [B, C]
 */
export type Predictor = (weights: State, pixels: Tensor) => { logits: Tensor; probabilities: Tensor };

/** Predictor of a classifier. Compiled, it is recorded at its first call and takes any number of images. */
export const predictor = (network: Network, execution: Execution): Predictor =>
  inference('predictor', network, execution, (logits) => ({ logits, probabilities: tf.softmax(logits) }));

/** Features [B, F] of an encoder, as `predictor`. */
export function featurizer(encoder: Network, execution: Execution): (weights: State, pixels: Tensor) => Tensor {
  const run = inference('encoder', encoder, execution, (features) => ({ features }));
  return (weights, pixels) => run(weights, pixels).features;
}

function inference<Answer extends Record<string, Tensor>>(
  name: string,
  network: Network,
  execution: Execution,
  answerOf: (output: Tensor) => Answer,
): (weights: State, pixels: Tensor) => Answer {
  const answer = ({ [PIXELS]: pixels, ...weights }: State) =>
    answerOf(network.apply(weights, imagesOf(pixels!), { training: false }).output);
  const compiled = execution === 'eager' ? answer : compile(name, answer, { precision: execution, open: [PIXELS] });
  return (weights, pixels) => tf.tidy(() => compiled({ ...weights, [PIXELS]: pixels }) as Answer);
}

/** The one input that is no weight. */
const PIXELS = 'pixels';
