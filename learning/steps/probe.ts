/** One step of a linear classifier on features that stay as they are. */
import { accuracyOf, crossEntropy } from '../losses/cross-entropy.ts';
import type { Layer } from '../networks/layers.ts';
import type { Optimizer } from '../optimizers/optimizer.ts';
import type { Tensor } from '../tensorflow.ts';
import { gradientsOf, nextState, type Step } from './step.ts';

/** features float32 [B, F]; labels int32 [B], each in 0..C−1; learningRate: float32 scalar. */
export type ProbeBatch = { features: Tensor; labels: Tensor; learningRate: Tensor };
export type ProbeMetrics = { loss: Tensor; accuracy: Tensor };

export function probeStep(classifier: Layer, optimizer: Optimizer): Step<ProbeBatch, ProbeMetrics> {
  return (state, { features, labels, learningRate }) => {
    const { loss, extra, gradients } = gradientsOf(classifier.parameters, state, (values) => {
      const output = classifier.apply(values, features, { training: true, isFrozen: () => false, statistics: {} });
      return { loss: crossEntropy(output, labels), extra: { output, statistics: {} } };
    });
    return {
      state: nextState(state, optimizer, gradients, {}, learningRate),
      metrics: { loss, accuracy: accuracyOf(extra.output, labels) },
    };
  };
}
