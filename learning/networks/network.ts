/** The network an architecture describes, as parameters and a pure function of their values. */
import type { Architecture } from '../../contracts/trainer.ts';
import { hand } from '../ops/native.ts';
import type { Tensor } from '../tensorflow.ts';
import { classifierHead, keptHead, projectionHead } from './heads.ts';
import { chain, type Layer } from './layers.ts';
import type { ParameterSpec, State } from './parameters.ts';
import { featureCount, resnet } from './resnet.ts';

export type Network = {
  parameters: ParameterSpec[];
  /**
   * @param values  weights and moving statistics, by name
   * @param x       images, float32 [B, H, W, 3] in 0..1
   * @returns output: projections [B, D] or logits [B, C]; statistics: the moving ones after this batch, empty unless training
   */
  apply(values: State, x: Tensor, mode: { training: boolean }): { output: Tensor; statistics: State };
};

/** Encoder with its whole projection head (classes 0), or with the head layers it keeps and a classifier. */
export function networkOf({ encoder, headLayers, projection, classes }: Architecture): Network {
  const features = featureCount(encoder);
  const top =
    classes === 0
      ? projectionHead(features, headLayers, projection)
      : chain(keptHead(features, headLayers), classifierHead(features, classes));
  return asNetwork(chain(resnet(encoder), top));
}

/** The encoder alone; its output is the features [B, F]. */
export const encoderOf = ({ encoder }: Pick<Architecture, 'encoder'>): Network => asNetwork(resnet(encoder));

function asNetwork(layer: Layer): Network {
  return {
    parameters: layer.parameters,
    apply(values, x, { training }) {
      const statistics: State = {};
      const output = layer.apply(values, x, { training, statistics });
      return { output, statistics: Object.fromEntries(Object.entries(statistics).map(([name, kept]) => [name, hand(kept)])) };
    },
  };
}
