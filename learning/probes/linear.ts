/**
 * Linear probe: the best linear classifier on features of labelled images that stay as they are. Settings of SimCLR's linear evaluation on
 * CIFAR-10 (google-research/simclr README): Nesterov momentum, 0.1 · batch / 256, batches of 512, 100 epochs, no weight decay, zeros at
 * first. Differs: the images are looked at whole, without crops and flips, so that each needs one pass through the encoder only; few images
 * get more epochs; and features are centred and brought to one length first, which a linear layer can undo, so that one rate suits every width.
 */
import { setImmediate } from 'node:timers/promises';
import { classifierHead } from '../networks/heads.ts';
import { initialState, type State } from '../networks/parameters.ts';
import { momentum } from '../optimizers/momentum.ts';
import { learningRateAt, planTraining } from '../plan.ts';
import { randomStream } from '../random.ts';
import { type ProbeBatch, type ProbeMetrics, probeStep } from '../steps/probe.ts';
import { type Execution, type Step, stepper } from '../steps/step.ts';
import { type Tensor, tf } from '../tensorflow.ts';

const SETTINGS = { batch: 512, epochs: 100, atLeastSteps: 1000, learningRate: { base: 0.1, scaling: 'linear' } } as const;
/** Root of the mean square length of the features that the classifier learns from. */
const LENGTH = 8;

export type ProbeWanted = {
  /** float32 [N, F] */
  features: Tensor;
  /** int32 [N], each in 0..C−1 */
  labels: Tensor;
  /** C */
  classes: number;
  /** Draws the batches of every epoch. */
  seed: number;
  execution: Execution;
  /** Called before each epoch; false ends the fit there. */
  goOn(): boolean;
};

/** @returns kernel [F, C] and bias [C] on the features as they are, by their names in a classifier; the caller owns them */
export async function fitProbe({ features, labels, classes, seed, execution, goOn }: ProbeWanted): Promise<State> {
  const [images = 0, width = 0] = features.shape;
  const plan = planTraining({ ...SETTINGS, images });
  const classifier = classifierHead(width, classes);
  const optimizer = momentum(classifier.parameters, { weightDecay: 0 });
  const { mean, scale } = scalingOf(features);
  const step = probeStep(classifier, optimizer) as Step<ProbeBatch & Record<string, Tensor>, ProbeMetrics>;
  const course = stepper(step, execution, initialState([...classifier.parameters, ...optimizer.slots], seed));
  try {
    for (let epoch = 0; epoch < plan.epochs && goOn(); epoch++) {
      const order = randomStream(seed, 'probe', epoch).permutation(images);
      for (let i = 0; i < plan.stepsPerEpoch; i++) {
        const batch = tf.tidy(() => {
          const rows = tf.tensor1d(order.subarray(i * plan.batch, (i + 1) * plan.batch), 'int32');
          const learningRate = tf.scalar(learningRateAt(plan, epoch * plan.stepsPerEpoch + i));
          return { features: tf.mul(tf.sub(tf.gather(features, rows), mean), scale), labels: tf.gather(labels, rows), learningRate };
        });
        tf.dispose([course.take(batch), batch]);
      }
      await setImmediate(); // messages come and go between epochs
    }
    return unscaled(course.state(), mean, scale);
  } finally {
    course.free();
    tf.dispose([mean, scale]);
  }
}

/** Mean of the features, [F], and the factor that brings what is left to `LENGTH`, scalar. */
function scalingOf(features: Tensor): { mean: Tensor; scale: Tensor } {
  return tf.tidy(() => {
    const mean = tf.mean(features, 0);
    const length = tf.sqrt(tf.mean(tf.sum(tf.square(tf.sub(features, mean)), 1)));
    return { mean, scale: tf.div(LENGTH, tf.maximum(length, 1e-12)) };
  });
}

/** W·s·(f − m) + b = (s·W)·f + (b − s·W·m). Frees the state. */
function unscaled(state: State, mean: Tensor, scale: Tensor): State {
  const [KERNEL, BIAS] = ['classifier/dense/kernel', 'classifier/dense/bias'] as const;
  const folded = tf.tidy(() => {
    const kernel = tf.mul(state[KERNEL]!, scale);
    const shift = tf.reshape(tf.matMul(tf.expandDims(mean, 0), kernel), [-1]);
    return { [KERNEL]: kernel, [BIAS]: tf.sub(state[BIAS]!, shift) };
  });
  tf.dispose(state);
  return folded;
}
