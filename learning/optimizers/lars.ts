/**
 * LARS (You et al. 2017, arXiv 1708.03888). Variant: SimCLR's "classic momentum" (google-research/simclr, lars_optimizer.py):
 * weight decay goes into the gradient before its norm is taken, the learning rate into the momentum buffer, no Nesterov.
 */
import { isTrainable, type ParameterSpec, type State } from '../networks/parameters.ts';
import { nativeValue } from '../ops/native.ts';
import { type Tensor, tf } from '../tensorflow.ts';
import { decayed, momentumSlots, type Optimizer, ratesOf, type Settings, slotOf, tensorOf } from './optimizer.ts';

const MOMENTUM = 0.9;
/** η, the trust coefficient. */
const TRUST = 0.001;

/** Kernels of the encoder and its head adapt; biases, γ, β and the classification layer move by plain momentum. */
const adapts = ({ role, part }: ParameterSpec) => role === 'kernel' && part !== 'classifier';

/**
 *   g ← g + λ·w (kernels);  r = η·|w| / |g|, 1 where a norm is 0;  v ← m·v + lr·r·g;  w ← w − v
 * with m = 0.9, η = 0.001; r = 1 for biases, γ, β and the classification layer. Slot: v, named `momentum/<parameter>`.
 */
export function lars(parameters: ParameterSpec[], settings: Settings): Optimizer {
  const trainable = parameters.filter(isTrainable);
  return {
    slots: momentumSlots(parameters),
    update(state, gradients, learningRate) {
      const rateOf = ratesOf(learningRate, settings);
      const m = tf.scalar(MOMENTUM);
      const weights = trainable.map(({ name }) => tensorOf(state, name));
      const decayedGradients = trainable.map((spec, i) => decayed(spec, weights[i]!, tensorOf(gradients, spec.name), settings.weightDecay));
      const adapting = trainable.map((spec, i) => (adapts(spec) ? i : -1)).filter((i) => i >= 0);
      const ratios = trustRatios(
        adapting.map((i) => weights[i]!),
        adapting.map((i) => decayedGradients[i]!),
      );
      const updated: State = {};
      for (const [i, spec] of trainable.entries()) {
        const ratio = ratios[adapting.indexOf(i)];
        const rate = ratio ? tf.mul(rateOf(spec), ratio) : rateOf(spec);
        const v = tf.add(tf.mul(tensorOf(state, slotOf(spec.name)), m), tf.mul(decayedGradients[i]!, rate));
        updated[slotOf(spec.name)] = v;
        updated[spec.name] = tf.sub(weights[i]!, v);
      }
      return updated;
    },
  };
}

/**
 * η·|w| / |g| for each pair, 1 where either norm is 0. The norms of all layers go through the formula as one vector.
 * @returns float32 scalars
 */
export function trustRatios(weights: Tensor[], gradients: Tensor[]): Tensor[] {
  if (weights.length === 0) return [];
  const w = tf.stack(weights.map(halfSquare)); // |w|² / 2, [layers]
  const g = tf.stack(gradients.map(halfSquare));
  const both = tf.logicalAnd(tf.greater(w, 0), tf.greater(g, 0));
  const ratio = tf.mul(tf.sqrt(tf.divNoNan(w, g)), TRUST);
  return tf.unstack(tf.where(both, ratio, tf.onesLike(ratio)));
}

const halfSquare = (x: Tensor) => nativeValue('L2Loss', { types: { T: 'float' } }, [x]);
