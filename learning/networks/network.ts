/** The network an architecture describes, as parameters and a pure function of their values. */
import type { Architecture } from '../../contracts/trainer.ts';
import { hand } from '../ops/native.ts';
import type { Tensor } from '../tensorflow.ts';
import { type ClassifierInit, classifierHead, keptHead, projectionHead } from './heads.ts';
import { chain, type Layer } from './layers.ts';
import type { ParameterSpec, State } from './parameters.ts';
import { featureCount, resnet } from './resnet.ts';

export type Network = {
  parameters: ParameterSpec[];
  /**
   * @param values  weights and moving statistics, by name
   * @param x       images, float32 [B, H, W, 3] in 0..1
   * @param mode    isFrozen: whose stored statistics serve in training too, by name; none unless it is given
   * @returns output: projections [B, D] or logits [B, C]; embeddings: what the classifier saw, [B, F], the output itself where there is
   *          none; statistics: the moving ones after this batch, empty unless training
   */
  apply(
    values: State,
    x: Tensor,
    mode: { training: boolean; isFrozen?(name: string): boolean },
  ): { output: Tensor; embeddings: Tensor; statistics: State };
};

/** Encoder with its whole projection head (classes 0), or with the head layers it keeps and a classifier, which begins as `init` says. */
export function networkOf({ encoder, headLayers, projection, classes }: Architecture, init?: ClassifierInit): Network {
  const features = featureCount(encoder);
  if (classes === 0) return asNetwork(chain(resnet(encoder), projectionHead(features, headLayers, projection)));
  return asNetwork(chain(resnet(encoder), keptHead(features, headLayers)), classifierHead(features, classes, init));
}

/** D, the width of what contrastive pretraining compares: the projection, or the features where there is no head. */
export const comparedWidth = ({ encoder, headLayers, projection }: Architecture): number =>
  headLayers > 0 ? projection : featureCount(encoder);

/** The encoder alone; its output is the features [B, F]. */
export const encoderOf = ({ encoder }: Pick<Architecture, 'encoder'>): Network => asNetwork(resnet(encoder));

function asNetwork(body: Layer, classifier?: Layer): Network {
  return {
    parameters: [...body.parameters, ...(classifier?.parameters ?? [])],
    apply(values, x, { training, isFrozen = () => false }) {
      const statistics: State = {};
      const embeddings = body.apply(values, x, { training, isFrozen, statistics });
      const output = classifier?.apply(values, embeddings, { training, isFrozen, statistics }) ?? embeddings;
      return { output, embeddings, statistics: Object.fromEntries(Object.entries(statistics).map(([name, kept]) => [name, hand(kept)])) };
    },
  };
}
