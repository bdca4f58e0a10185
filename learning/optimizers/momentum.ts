/**
 * Momentum SGD in Nesterov's form, as TensorFlow's MomentumOptimizer(use_nesterov=True), which SimCLR takes where it does not take
 * LARS. Differs: weight decay acts on kernels only; SimCLR's acts on biases too.
 */
import { isTrainable, type ParameterSpec, type State } from '../networks/parameters.ts';
import { tf } from '../tensorflow.ts';
import { decayed, momentumSlots, type Optimizer, ratesOf, type Settings, slotOf, tensorOf } from './optimizer.ts';

const MOMENTUM = 0.9;

/**
 *   g ← g + λ·w (kernels);  v ← m·v + g;  w ← w − lr·(g + m·v)
 * with m = 0.9. Slot: v, named `momentum/<parameter>`.
 */
export function momentum(parameters: ParameterSpec[], settings: Settings): Optimizer {
  return {
    slots: momentumSlots(parameters),
    update(state, gradients, learningRate) {
      const rateOf = ratesOf(learningRate, settings);
      const m = tf.scalar(MOMENTUM);
      const updated: State = {};
      for (const spec of parameters.filter(isTrainable)) {
        const w = tensorOf(state, spec.name);
        const g = decayed(spec, w, tensorOf(gradients, spec.name), settings.weightDecay);
        const v = tf.add(tf.mul(tensorOf(state, slotOf(spec.name)), m), g);
        updated[slotOf(spec.name)] = v;
        updated[spec.name] = tf.sub(w, tf.mul(tf.add(g, tf.mul(v, m)), rateOf(spec)));
      }
      return updated;
    },
  };
}
