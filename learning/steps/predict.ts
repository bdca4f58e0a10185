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
export function predictor(network: Network, execution: Execution): Predictor {
  const answer = ({ [PIXELS]: pixels, ...weights }: State) => {
    const logits = network.apply(weights, imagesOf(pixels!), { training: false }).output;
    return { logits, probabilities: tf.softmax(logits) };
  };
  const compiled = execution === 'eager' ? answer : compile('predictor', answer, { precision: execution, open: [PIXELS] });
  return (weights, pixels) => tf.tidy(() => compiled({ ...weights, [PIXELS]: pixels }) as ReturnType<typeof answer>);
}

/** The one input that is no weight. */
const PIXELS = 'pixels';
