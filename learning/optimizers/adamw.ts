/**
 * AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101) as PyTorch has it (torch.optim.AdamW): the decay is no part of the gradient but
 * shrinks the weight by itself, in proportion to the learning rate.
 */
import { isTrainable, type ParameterSpec, type State } from '../networks/parameters.ts';
import { type Tensor, tf } from '../tensorflow.ts';
import { type Optimizer, ratesOf, type Settings, tensorOf } from './optimizer.ts';

/** β₁ and β₂, the shares of the old averages kept; ε. */
const [MEAN, SQUARE, EPSILON] = [0.9, 0.999, 1e-8];

const STEPS = 'adam/steps';
const meanOf = (name: string) => `adam/mean/${name}`;
const squareOf = (name: string) => `adam/square/${name}`;

/**
 *   w ← w − lr·λ·w (kernels);  m ← β₁·m + (1 − β₁)·g;  v ← β₂·v + (1 − β₂)·g²;  w ← w − lr·(m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε)
 * with β = 0.9, 0.999, ε = 1e-8 and t = 1 at the first step. Slots: `adam/mean/<parameter>`, `adam/square/<parameter>`, and t as `adam/steps`.
 */
export function adamw(parameters: ParameterSpec[], settings: Settings): Optimizer {
  const trainable = parameters.filter(isTrainable);
  const slot = (spec: ParameterSpec, name: string): ParameterSpec => ({ ...spec, name, initial: { kind: 'zeros' } });
  const steps: ParameterSpec = { name: STEPS, shape: [], initial: { kind: 'zeros' }, role: 'mean', part: 'encoder' };
  return {
    slots: [...trainable.flatMap((spec) => [slot(spec, meanOf(spec.name)), slot(spec, squareOf(spec.name))]), steps],
    update(state, gradients, learningRate) {
      const rateOf = ratesOf(learningRate, settings);
      const t = tf.add(tensorOf(state, STEPS), 1);
      const [ofMean, ofSquare] = [bias(MEAN, t), bias(SQUARE, t)];
      const updated: State = { [STEPS]: t };
      for (const spec of trainable) {
        const [w, g, rate] = [tensorOf(state, spec.name), tensorOf(gradients, spec.name), rateOf(spec)];
        const m = blend(tensorOf(state, meanOf(spec.name)), g, MEAN);
        const v = blend(tensorOf(state, squareOf(spec.name)), tf.square(g), SQUARE);
        const direction = tf.div(tf.div(m, ofMean), tf.add(tf.sqrt(tf.div(v, ofSquare)), EPSILON));
        updated[meanOf(spec.name)] = m;
        updated[squareOf(spec.name)] = v;
        updated[spec.name] = tf.sub(shrunk(spec, w, rate, settings.weightDecay), tf.mul(direction, rate));
      }
      return updated;
    },
  };
}

const blend = (average: Tensor, value: Tensor, kept: number) => tf.add(tf.mul(average, kept), tf.mul(value, 1 - kept));

/** 1 − βᵗ, as −(e^(t·ln β) − 1): 1 − 0.999 has three digits left in float32. */
const bias = (beta: number, t: Tensor) => tf.neg(tf.expm1(tf.mul(t, Math.log(beta))));

const shrunk = ({ role }: ParameterSpec, weight: Tensor, rate: Tensor, decay: number) =>
  role === 'kernel' && decay > 0 ? tf.sub(weight, tf.mul(weight, tf.mul(rate, decay))) : weight;
