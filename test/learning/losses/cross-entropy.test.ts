import { expect, test } from 'vitest';
import { accuracyOf, crossEntropy, labelledCrossEntropy } from '../../../learning/losses/cross-entropy.ts';
import { distillation } from '../../../learning/losses/distillation.ts';
import { tf } from '../../../learning/tensorflow.ts';
import { distance, expectGradient, expectNoLeak, gradientsOf, noise, scalarOf } from '../tensors.ts';

const int32 = (values: number[]) => tf.tensor1d(values, 'int32');

test('crossEntropy: zero logits cost ln C', () => {
  expect(scalarOf(crossEntropy(tf.zeros([4, 10]), int32([0, 3, 9, 1])))).toBeCloseTo(Math.log(10), 6);
});

test('labelledCrossEntropy: is the mean over the labelled rows, and 0 when none has a label', () => {
  const logits = noise([3, 4], 1);
  const alone = crossEntropy(tf.slice(logits, [1, 0], [1, 4]), int32([2]));
  expect(distance(labelledCrossEntropy(logits, int32([-1, 2, -1])), alone)).toBeLessThan(1e-6);
  expect(scalarOf(labelledCrossEntropy(logits, int32([-1, -1, -1])))).toBe(0);
});

test('labelledCrossEntropy: rows without a label get no gradient', () => {
  const gradient = gradientsOf((at) => labelledCrossEntropy(at, int32([-1, 0])), [noise([2, 3], 2)])[0]!;
  expect(distance(tf.slice(gradient, [0, 0], [1, 3]), tf.zeros([1, 3]))).toBe(0);
  expectGradient((at) => labelledCrossEntropy(at, int32([-1, 0, 2])), [noise([3, 3], 3)]);
});

test('accuracyOf: counts the rows whose largest logit is the label’s', () => {
  expect(
    scalarOf(
      accuracyOf(
        tf.tensor2d([
          [1, 2],
          [2, 1],
          [0, 5],
          [0, 5],
        ]),
        int32([1, 0, 0, 1]),
      ),
    ),
  ).toBe(0.75);
});

const teacher = tf.tensor2d([[2, 1, 0]]);

test('distillation: teacher 2, 1, 0 costs an even student ln 3 and its own copy its entropy, 0.832396', () => {
  expect(scalarOf(distillation(tf.zeros([1, 3]), teacher, 1))).toBeCloseTo(1.098612, 5); // method.md §5
  expect(scalarOf(distillation(teacher, teacher, 1))).toBeCloseTo(0.832396, 5);
});

test('distillation: at T = 4 with the factor T²', () => {
  expect(scalarOf(distillation(tf.zeros([1, 3]), teacher, 4))).toBeCloseTo(17.5778, 3); // method.md §5
  expect(scalarOf(distillation(teacher, teacher, 4))).toBeCloseTo(17.2496, 3);
});

test('distillation: the student’s gradient agrees with finite differences and the teacher gets none', () => {
  const answers = noise([3, 4], 4);
  expectGradient((student) => distillation(student, answers, 2), [noise([3, 4], 5)]);
  expect(() => gradientsOf((at) => distillation(noise([3, 4], 6), at, 2), [answers])).toThrow(/gradient/);
});

test('crossEntropy, distillation: no tensor is left behind', () => {
  const logits = noise([2, 3], 7);
  expectNoLeak(() => {
    gradientsOf((at) => labelledCrossEntropy(at, int32([0, -1])), [logits]);
    gradientsOf((at) => distillation(at, logits, 2), [logits]);
  });
});
