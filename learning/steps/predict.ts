/** Inference: a network as it stands, with its stored statistics. */
import type { Network } from '../networks/network.ts';
import type { State } from '../networks/parameters.ts';
import { type Tensor, tf } from '../tensorflow.ts';
import { imagesOf } from './step.ts';

/**
 * Images to what the network says of them. Nothing of `weights` changes.
 * @param pixels  [B, H, W, 3], 0 to 255: bytes of `bytesTensor`, or float32
 * @returns       logits and probabilities, float32 [B, C]
 */
export type Predictor = (weights: State, pixels: Tensor) => { logits: Tensor; probabilities: Tensor };

/** Predictor of a classifier. */
export function predictor(network: Network): Predictor {
  return (weights, pixels) =>
    tf.tidy(() => {
      const logits = network.apply(weights, imagesOf(pixels), { training: false }).output;
      return { logits, probabilities: tf.softmax(logits) };
    });
}
