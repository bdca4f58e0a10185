/** What every optimizer here is: a pure update of weights and slots, and which parameters it treats how. */
import { isTrainable, type ParameterSpec, type State } from '../networks/parameters.ts';
import { type Tensor, tf } from '../tensorflow.ts';

export type Settings = {
  /** λ of the L2 term λ·w of kernels, added to the gradient, or apart from it (AdamW); biases, γ and β get none. */
  weightDecay: number;
  /** Factor on the learning rate of the classification layer. */
  classifierRate?: number;
  /** Whether LARS has the classification layer adapt, too. */
  classifierAdapts?: boolean;
};

export type Optimizer = {
  /** The slots it keeps in the state, all zeros at first. */
  slots: ParameterSpec[];
  /**
   * @param state         at least the trainable parameters and the slots
   * @param gradients     one for every trainable parameter, by its name
   * @param learningRate  float32 scalar
   * @returns             the new weights and slots, by name
   */
  update(state: State, gradients: State, learningRate: Tensor): State;
};

/** Name of the momentum buffer of a parameter. */
export const slotOf = (name: string): string => `momentum/${name}`;

/** One momentum buffer for each trainable parameter. */
export function momentumSlots(parameters: ParameterSpec[]): ParameterSpec[] {
  return parameters.filter(isTrainable).map((spec) => ({ ...spec, name: slotOf(spec.name), initial: { kind: 'zeros' } }));
}

/** A tensor of the state. @throws Error when it is missing */
export function tensorOf(state: State, name: string): Tensor {
  const tensor = state[name];
  if (!tensor) throw new Error(`Cannot update the weights as every parameter needs its tensors: "${name}" is missing`);
  return tensor;
}

/** The gradient with the decay term λ·w of kernels. */
export function decayed(spec: ParameterSpec, weight: Tensor, gradient: Tensor, weightDecay: number): Tensor {
  return spec.role === 'kernel' && weightDecay > 0 ? tf.add(gradient, tf.mul(weight, weightDecay)) : gradient;
}

/** The learning rate of a part of the network. */
export function ratesOf(learningRate: Tensor, { classifierRate = 1 }: Settings): (spec: ParameterSpec) => Tensor {
  const classifier = classifierRate === 1 ? learningRate : tf.mul(learningRate, classifierRate);
  return ({ part }) => (part === 'classifier' ? classifier : learningRate);
}
