/** What our contestants share: networks, made-up images, and a step repeated the way the training loop repeats it. */
import type { Architecture } from '../../contracts/trainer.ts';
import { initialState, type ParameterSpec } from '../../learning/networks/parameters.ts';
import { randomStream } from '../../learning/random.ts';
import { type Execution, type Step, stepper } from '../../learning/steps/step.ts';
import { type Tensor, tf } from '../../learning/tensorflow.ts';

export const CLASSES = 10;
const [DEPTHS, EXECUTIONS] = [[18, 34, 50] as const, ['float32', 'bfloat16', 'eager'] as const];

/** Arguments of the process: `depth size images execution`. */
export function settingOf([depth, size, images, execution]: string[]) {
  return {
    depth: oneOf(DEPTHS, Number(depth), 'depth'),
    size: Number(size),
    images: Number(images),
    execution: oneOf<Execution>(EXECUTIONS, execution, 'execution'),
  };
}

function oneOf<T>(choices: readonly T[], given: unknown, what: string): T {
  const found = choices.find((choice) => choice === given);
  if (found === undefined) throw new Error(`Cannot take part as ${what} must be one of ${choices.join(', ')}: it is ${given}`);
  return found;
}

/** A ResNet, with the small stem up to 64 px: with its whole projection head (classes 0), or with its first layer and a classifier. */
export function architectureOf(depth: Architecture['encoder']['depth'], size: number, classes: number, width = 1): Architecture {
  return {
    encoder: { depth, width, stem: size > 64 ? 'imagenet' : 'small' },
    headLayers: classes === 0 ? 3 : 1,
    projection: 128,
    classes,
    size,
  };
}

/** Images of one colour each, with noise on it: bytes [count·views, size, size, 3], all first views, then all second ones. */
export function madeUpPixels(count: number, size: number, views = 1): Uint8Array {
  const noise = randomStream(1, 'noise');
  const side = size * size * 3;
  const pixels = new Uint8Array(count * views * side);
  for (let at = 0; at < pixels.length; at++) {
    const image = Math.floor(at / side) % count;
    pixels[at] = 200 * (((image + 1) * (1 + (at % 3)) * 0.37) % 1) + noise.integer(50);
  }
  return pixels;
}

/**
 * An iteration of training. It answers with the loss, read on the host.
 * @param parameters  weights and slots; the state begins with their first values
 * @param batch       makes the tensors of a batch, which are freed after the step
 */
export function training<B extends { learningRate: Tensor } & Record<string, Tensor>, M extends { loss: Tensor } & Record<string, Tensor>>(
  step: Step<B, M>,
  execution: Execution,
  parameters: ParameterSpec[],
  batch: () => Omit<B, 'learningRate'>,
): () => number {
  const { take } = stepper(step, execution, initialState(parameters, 1));
  let steps = 0;
  return () => {
    const inputs = { ...batch(), learningRate: tf.scalar(rateAt(steps++)) } as B;
    const metrics = take(inputs);
    tf.dispose(Object.values(inputs));
    const loss = metrics.loss.dataSync()[0] ?? Number.NaN;
    tf.dispose(Object.values(metrics));
    return loss;
  };
}

/** Another one at every step, so that nobody can take it for a constant. */
const rateAt = (step: number) => 0.1 / (1 + 0.01 * step);
