/** One step of contrastive pretraining. */
import { contrastiveMetrics, ntXent } from '../losses/nt-xent.ts';
import type { Network } from '../networks/network.ts';
import type { Optimizer } from '../optimizers/optimizer.ts';
import type { Tensor } from '../tensorflow.ts';
import { gradientsOf, imagesOf, nextState, type Step } from './step.ts';

/** pixels: bytes [2N, H, W, 3], first views then second views; learningRate: float32 scalar. */
export type PretrainBatch = { pixels: Tensor; learningRate: Tensor };
export type PretrainMetrics = { loss: Tensor; accuracy: Tensor; entropy: Tensor };

/** All 2N views go through the network in one pass, so that batch norm mixes both views. */
export function pretrainStep(
  network: Network,
  optimizer: Optimizer,
  { temperature }: { temperature: number },
): Step<PretrainBatch, PretrainMetrics> {
  return (state, { pixels, learningRate }) => {
    const images = imagesOf(pixels);
    const { loss, extra, gradients } = gradientsOf(network.parameters, state, (values) => {
      const { output, statistics } = network.apply(values, images, { training: true });
      return { loss: ntXent(output, temperature), extra: { output, statistics } };
    });
    return {
      state: nextState(state, optimizer, gradients, extra.statistics, learningRate),
      metrics: { loss, ...contrastiveMetrics(extra.output, temperature) },
    };
  };
}
