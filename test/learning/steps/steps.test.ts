import { describe, expect, test } from 'vitest';
import { networkOf } from '../../../learning/networks/network.ts';
import { initialState, isTrainable, type ParameterSpec, type State } from '../../../learning/networks/parameters.ts';
import { binding, bytesTensor } from '../../../learning/ops/native.ts';
import { lars } from '../../../learning/optimizers/lars.ts';
import { momentum } from '../../../learning/optimizers/momentum.ts';
import { distillStep } from '../../../learning/steps/distill.ts';
import { finetuneStep } from '../../../learning/steps/finetune.ts';
import { predictor } from '../../../learning/steps/predict.ts';
import { pretrainStep } from '../../../learning/steps/pretrain.ts';
import { disposeReplaced, imagesOf, type Step } from '../../../learning/steps/step.ts';
import { type Tensor, tf } from '../../../learning/tensorflow.ts';
import { architecture, CLASSES, pixelsOf } from '../loops/scratch.ts';
import { distance, noise, scalarOf, valuesOf } from '../tensors.ts';

const pixels = (images: number): Tensor => {
  const data = Buffer.concat(Array.from({ length: images }, (_, i) => pixelsOf(i)));
  return bytesTensor(new Uint8Array(data), [images, 16, 16, 3]);
};
const labels = (images: number) =>
  tf.tensor1d(
    Array.from({ length: images }, (_, i) => i % CLASSES),
    'int32',
  );

const representation = networkOf(architecture());
const classifier = networkOf(architecture({ classes: CLASSES, headLayers: 0 }));
const adaptive = lars(representation.parameters, { weightDecay: 1e-4 });
const plain = momentum(classifier.parameters, { weightDecay: 1e-4 });

type Case = { state(): State; take(before: State, learningRate: number): { state: State; metrics: Record<string, Tensor> } };

function caseOf<B extends { learningRate: Tensor } & Record<string, Tensor>>(
  step: Step<B, Record<string, Tensor>>,
  parameters: ParameterSpec[],
  batch: Omit<B, 'learningRate'>,
): Case {
  return {
    state: () => initialState(parameters, 1),
    take: (before, learningRate) => tf.tidy(() => step(before, { ...batch, learningRate: tf.scalar(learningRate) } as B)),
  };
}

const cases: Record<string, Case> = {
  pretrainStep: caseOf(pretrainStep(representation, adaptive, { temperature: 0.5 }), [...representation.parameters, ...adaptive.slots], {
    pixels: pixels(8),
  }),
  finetuneStep: caseOf(finetuneStep(classifier, plain, { normalisation: 'batch' }), [...classifier.parameters, ...plain.slots], {
    pixels: pixels(8),
    labels: labels(8),
  }),
  distillStep: caseOf(distillStep(classifier, plain, { temperature: 2, labelled: 0.5 }), [...classifier.parameters, ...plain.slots], {
    pixels: pixels(8),
    labels: labels(8),
    teacherLogits: noise([8, CLASSES], 2),
  }),
};

describe.each(Object.entries(cases))('%s', (name, { state, take }) => {
  test(`${name}: is pure: the state it was given keeps its values, the same input gives the same bits`, () => {
    const before = state();
    const copies = Object.fromEntries(Object.entries(before).map(([key, tensor]) => [key, valuesOf(tensor)]));
    const [a, b] = [take(before, 0.1), take(before, 0.1)];
    for (const [key, values] of Object.entries(copies)) expect(valuesOf(before[key]!)).toEqual(values);
    for (const key of Object.keys(before)) expect(distance(a.state[key]!, b.state[key]!)).toBe(0);
    expect(Object.keys(a.state).sort()).toEqual(Object.keys(before).sort());
  });

  test(`${name}: a learning rate of 0 moves no weight, and statistics all the same`, () => {
    const before = state();
    const { state: after } = take(before, 0);
    const { parameters } = name === 'pretrainStep' ? representation : classifier;
    for (const spec of parameters) expect(distance(after[spec.name]!, before[spec.name]!) === 0, spec.name).toBe(isTrainable(spec));
  });

  test(`${name}: as many tensors after a step as before, once the old state is freed`, () => {
    let current = state();
    const once = () => {
      const next = tf.tidy(() => take(current, 0.1)); // the learning rate goes, what the step gives stays
      disposeReplaced(current, next.state);
      tf.dispose(next.metrics);
      current = next.state;
    };
    once();
    const before = [tf.memory().numTensors, binding().getNumOfTensors()];
    once();
    once();
    expect([tf.memory().numTensors, binding().getNumOfTensors()]).toEqual(before);
  });
});

test('finetuneStep: by stored statistics, they stay as they are and the weights move', () => {
  const before = initialState([...classifier.parameters, ...plain.slots], 1);
  const step = finetuneStep(classifier, plain, { normalisation: 'stored' });
  const { state: after } = step(before, { pixels: pixels(4), labels: labels(4), learningRate: tf.scalar(0.1) });
  for (const spec of classifier.parameters.filter((one) => !isTrainable(one))) expect(after[spec.name]).toBe(before[spec.name]);
  expect(distance(after['classifier/dense/kernel']!, before['classifier/dense/kernel']!)).toBeGreaterThan(0);
});

test('distillStep: without a labelled share the labels do not matter', () => {
  const before = initialState([...classifier.parameters, ...plain.slots], 1);
  const step = distillStep(classifier, plain, { temperature: 1, labelled: 0 });
  const batch = { pixels: pixels(4), teacherLogits: noise([4, CLASSES], 3), learningRate: tf.scalar(0.1) };
  const [known, unknown] = [labels(4), tf.tensor1d([-1, -1, -1, -1], 'int32')].map(
    (given) => step(before, { ...batch, labels: given }).metrics.loss,
  );
  expect(scalarOf(known!)).toBe(scalarOf(unknown!));
});

test.each(['eager', 'float32'] as const)(
  'predictor, %s: an image’s answer does not depend on the others of its batch, and probabilities sum to 1',
  (execution) => {
    const weights = { ...initialState(classifier.parameters, 1), 'classifier/dense/kernel': noise([64, CLASSES], 4) };
    const predict = predictor(classifier, execution);
    const together = predict(weights, pixels(5)).probabilities;
    const alone = predict(weights, pixels(1)).probabilities;
    expect(distance(tf.slice(together, [0, 0], [1, CLASSES]), alone)).toBeLessThan(1e-5);
    for (const sum of valuesOf(tf.sum(together, 1))) expect(sum).toBeCloseTo(1, 5);
  },
);

test('imagesOf: bytes and floats of 0 to 255 become the same 0 to 1', () => {
  const bytes = imagesOf(pixels(2));
  const floats = imagesOf(tf.tensor(Float32Array.from([...pixelsOf(0), ...pixelsOf(1)]), [2, 16, 16, 3]));
  expect(distance(bytes, floats)).toBe(0);
  expect(scalarOf(tf.max(bytes))).toBeLessThanOrEqual(1);
});
