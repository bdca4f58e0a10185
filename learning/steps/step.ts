/**
 * What a training step is: a pure function of tensors, so that it can run as it stands or be compiled. No value is
 * read on the host inside, nothing is drawn at random, and what changes from step to step (the learning rate too) is a tensor.
 */
import type { Precision, Tensors, Work } from '../compile/compile.ts';
import { Held } from '../compile/held.ts';
import { collectGarbage } from '../garbage.ts';
import { isTrainable, type ParameterSpec, type State } from '../networks/parameters.ts';
import { fromBytes, hand, keep } from '../ops/native.ts';
import { type Optimizer, tensorOf } from '../optimizers/optimizer.ts';
import { type Tensor, tf } from '../tensorflow.ts';

/**
 * State and batch in, next state and metrics (scalars) out. The caller owns them all; a tensor the step does not change is handed
 * on as it is, so free the old state with `disposeReplaced`.
 */
export type Step<Batch extends Record<string, Tensor>, Metrics extends Record<string, Tensor>> = (
  state: State,
  batch: Batch,
) => { state: State; metrics: Metrics };

/** How a step is carried out: as one TensorFlow function of that precision, or `eager`, op by op as it stands. */
export type Execution = Precision | 'eager';

/** A training under way: it holds the state. */
export type Stepper<Batch, Metrics> = {
  /** One step further. Batch and metrics are the caller's. */
  take(batch: Batch): Metrics;
  /** The state as it stands; the tensors are the caller's, and keep their values. */
  state(): State;
  free(): void;
};

/**
 * Take a step again and again. Compiled, it is recorded at its first call, which fixes all shapes, and the state is TensorFlow's.
 * @param state  where it begins; the stepper owns it
 */
export function stepper<B extends Record<string, Tensor>, M extends Record<string, Tensor>>(
  step: Step<B, M>,
  execution: Execution,
  state: State,
): Stepper<B, M> {
  return execution === 'eager' ? eagerStepper(step, state) : compiledStepper(step, execution, state);
}

function eagerStepper<B extends Record<string, Tensor>, M extends Record<string, Tensor>>(step: Step<B, M>, first: State): Stepper<B, M> {
  let state = first;
  return {
    take(batch) {
      const next = tf.tidy(() => step(state, batch));
      disposeReplaced(state, next.state);
      state = next.state;
      return next.metrics;
    },
    state: () => mapState(state, (tensor) => tensor.clone()),
    free: () => disposeReplaced(state),
  };
}

function compiledStepper<B extends Record<string, Tensor>, M extends Record<string, Tensor>>(
  step: Step<B, M>,
  precision: Precision,
  state: State,
): Stepper<B, M> {
  const held = new Held('step', asWork(step), prefixed(state, STATE), { precision });
  disposeReplaced(state);
  collectGarbage();
  return {
    take: (batch) => part(held.call(prefixed(batch, BATCH)), METRICS) as M,
    state: () => part(held.read(), STATE),
    free: () => held.free(),
  };
}

/** A step as a function of named tensors: what `compile` and `graphOf` take. */
export function asWork<B extends Record<string, Tensor>, M extends Record<string, Tensor>>(step: Step<B, M>): Work {
  return (inputs) => {
    const { state, metrics } = step(part(inputs, STATE), part(inputs, BATCH) as B);
    return { ...prefixed(state, STATE), ...prefixed(metrics, METRICS) };
  };
}

/** The inputs of `asWork`. */
export const inputsOf = (state: State, batch: Tensors): Tensors => ({ ...prefixed(state, STATE), ...prefixed(batch, BATCH) });

const [STATE, BATCH, METRICS] = ['state/', 'batch/', 'metrics/'] as const;
const prefixed = (tensors: Tensors, prefix: string): Tensors =>
  Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [prefix + name, tensor]));
const part = (tensors: Tensors, prefix: string): Tensors =>
  Object.fromEntries(Object.entries(tensors).flatMap(([name, one]) => (name.startsWith(prefix) ? [[name.slice(prefix.length), one]] : [])));

/** Free the tensors of a state that its successor does not share. */
export function disposeReplaced(old: State, next: State = {}): void {
  const kept = new Set(Object.values(next));
  for (const tensor of new Set(Object.values(old))) if (!kept.has(tensor)) tensor.dispose();
}

/**
 * Pixels to float32 0..1, as SimCLR feeds them: no mean, no deviation.
 * @param pixels  [B, H, W, 3], 0 to 255: bytes of `bytesTensor`, or float32
 */
export function imagesOf(pixels: Tensor): Tensor {
  return tf.div(pixels.dtype === 'float32' ? pixels : fromBytes(pixels), 255);
}

/** What a loss function leaves besides the loss: the network's output and its new statistics. */
export type Forward = { loss: Tensor; extra: { output: Tensor; statistics: State } };

/**
 * Loss, extras and gradients of the trainable parameters.
 * @param forward  from all values to the loss (scalar) and the extras
 */
export function gradientsOf(
  parameters: ParameterSpec[],
  state: State,
  forward: (values: State) => Forward,
): Forward & { gradients: State } {
  const names = parameters.filter(isTrainable).map(({ name }) => name);
  let kept: Forward['extra'] | undefined;
  const lossOf = (...weights: Tensor[]) => {
    const { loss, extra } = forward({ ...state, ...zip(names, weights) });
    kept = { output: keep(extra.output), statistics: mapState(extra.statistics, keep) };
    return loss as ReturnType<typeof tf.scalar>;
  };
  const weights = names.map((name) => tensorOf(state, name));
  const { value, grads } = tf.valueAndGrads(lossOf)(weights);
  if (!kept) throw new Error('Cannot take gradients as the loss must be computed once: it was not');
  const extra = { output: hand(kept.output), statistics: mapState(kept.statistics, hand) };
  return { loss: value, extra, gradients: zip(names, grads) };
}

const zip = (names: string[], tensors: Tensor[]): State => Object.fromEntries(names.map((name, i) => [name, tensors[i]!]));
const mapState = (state: State, f: (tensor: Tensor) => Tensor): State =>
  Object.fromEntries(Object.entries(state).map(([name, tensor]) => [name, f(tensor)]));

/** The state after an update: new weights, slots and statistics; the rest as it was. */
export function nextState(state: State, optimizer: Optimizer, gradients: State, statistics: State, learningRate: Tensor): State {
  return { ...state, ...optimizer.update(state, gradients, learningRate), ...statistics };
}
