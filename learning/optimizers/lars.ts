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

/**
 * Kernels of the encoder and its head adapt; biases, γ and β move by plain momentum, and so does the classification layer, unless the
 * settings have it adapt: it does not in the authors' fine-tuning, and does in their distillation.
 */
const adapts = ({ role, part }: ParameterSpec, { classifierAdapts = false }: Settings) =>
  role === 'kernel' && (part !== 'classifier' || classifierAdapts);

/**
 *   g ← g + λ·w (kernels);  r = η·|w| / |g|, 1 where a norm is 0;  v ← m·v + lr·r·g;  w ← w − v
 * with m = 0.9, η = 0.001; r = 1 for what does not adapt. Slot: v, named `momentum/<parameter>`.
 */
export function lars(parameters: ParameterSpec[], settings: Settings): Optimizer {
  const trainable = parameters.filter(isTrainable);
  return {
    slots: momentumSlots(parameters),
    update(state, gradients, learningRate) {
      const rateOf = ratesOf(learningRate, settings);
      const m = tf.scalar(MOMENTUM);
      const updated: State = {};
      for (const spec of trainable) {
        const w = tensorOf(state, spec.name);
        const g = decayed(spec, w, tensorOf(gradients, spec.name), settings.weightDecay);
        const rate = adapts(spec, settings) ? tf.mul(rateOf(spec), trustRatio(w, g)) : rateOf(spec);
        const v = tf.add(tf.mul(tensorOf(state, slotOf(spec.name)), m), tf.mul(g, rate));
        updated[slotOf(spec.name)] = v;
        updated[spec.name] = tf.sub(w, v);
      }
      return updated;
    },
  };
}

/**
 * η·|w| / |g|, or 1 where either norm is 0. One layer at a time: its gradient can go before the next one's is there.
 * @returns float32 scalar
 */
export function trustRatio(weight: Tensor, gradient: Tensor): Tensor {
  const [w, g] = [weight, gradient].map(halfSquare); // |w|² / 2
  const ratio = tf.mul(tf.sqrt(nativeValue('DivNoNan', { types: { T: 'float' } }, [w!, g!])), TRUST);
  return tf.where(tf.greater(ratio, 0), ratio, 1);
}

const halfSquare = (x: Tensor) => nativeValue('L2Loss', { types: { T: 'float' } }, [x]);
