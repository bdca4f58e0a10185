import { expect, test } from 'vitest';
import { learningRateAt, planTraining } from '../../learning/plan.ts';

const linear = { base: 1, scaling: 'linear' as const };

test('planTraining: whole batches only, and at most the images there are', () => {
  expect(planTraining({ images: 5000, batch: 64, epochs: 20, warmupEpochs: 1, learningRate: { base: 0.2, scaling: 'sqrt' } })).toEqual({
    batch: 64,
    stepsPerEpoch: 78, // 8 images of an epoch are dropped
    epochs: 20,
    steps: 1560,
    warmupSteps: 78,
    peak: 1.6, // 0.2 · √64
  });
  expect(planTraining({ images: 50, batch: 64, epochs: 3, learningRate: linear })).toMatchObject({
    batch: 50,
    stepsPerEpoch: 1,
    steps: 3,
    peak: 50 / 256,
  });
});

test('planTraining: a minimum of steps adds whole epochs', () => {
  const wanted = { images: 150, batch: 64, learningRate: linear };
  expect(planTraining({ ...wanted, epochs: 30, atLeastSteps: 201 })).toMatchObject({ stepsPerEpoch: 2, epochs: 101, steps: 202 });
  expect(planTraining({ ...wanted, epochs: 300, atLeastSteps: 201 })).toMatchObject({ epochs: 300 });
});

test('planTraining: a warm-up longer than the training ends with it', () => {
  expect(planTraining({ images: 64, batch: 64, epochs: 5, warmupEpochs: 9, learningRate: linear })).toMatchObject({
    warmupSteps: 5,
    steps: 5,
  });
});

test('planTraining: nothing to train on is refused', () => {
  expect(() => planTraining({ images: 0, batch: 64, epochs: 1, learningRate: linear })).toThrow('must be at least 1: 0, 64, 1');
});

// SimCLR's README: learning rate 0.075 with square root scaling.
test.each([
  [64, 0.6],
  [128, 0.849],
  [256, 1.2],
  [512, 1.697],
  [1024, 2.4],
])('planTraining: peak of 0.075 · √%i', (batch, peak) => {
  const plan = planTraining({ images: 50_000, batch, epochs: 1, learningRate: { base: 0.075, scaling: 'sqrt' } });
  expect(plan.peak).toBeCloseTo(peak, 3);
});

test('learningRateAt: the known answers of SimCLR on CIFAR-10', () => {
  // 50,000 images, batch 512, 1000 epochs, 10 of warm-up, rate 1.0 linear: total 97,657, warm-up 976, peak 2 (model.py WarmUpAndCosineDecay).
  const cifar = { steps: 97_657, warmupSteps: 976, peak: 2 };
  expect(learningRateAt(cifar, 0)).toBe(0);
  expect(learningRateAt(cifar, 488)).toBe(1);
  expect(learningRateAt(cifar, 976)).toBe(2);
  expect(learningRateAt(cifar, 976 + (97_657 - 976) / 2)).toBeCloseTo(1, 12);
  expect(learningRateAt(cifar, 97_656)).toBeCloseTo(5e-10, 10);
  expect(learningRateAt(cifar, 97_657)).toBe(0);
  expect(learningRateAt(cifar, 200_000)).toBe(0);
});

test('learningRateAt: without a warm-up it begins at the peak', () => {
  expect(learningRateAt({ steps: 10, warmupSteps: 0, peak: 0.5 }, 0)).toBe(0.5);
});
