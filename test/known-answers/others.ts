import { drawLabels } from '../../learning/images/labels.ts';
import { crossEntropy } from '../../learning/losses/cross-entropy.ts';
import { distillation } from '../../learning/losses/distillation.ts';
import { supervisedContrastive } from '../../learning/losses/supervised-contrastive.ts';
import { batchNormTraining } from '../../learning/ops/batch-norm.ts';
import { neighbourVotes } from '../../learning/probes/neighbours.ts';
import { tf } from '../../learning/tensorflow.ts';
import { blurKernel, blurRadius } from '../../learning/views/blur.ts';
import { centreBox } from '../../learning/views/centre-crop.ts';
import { scalarOf, valuesOf } from '../learning/tensors.ts';
import type { Answer } from './answer.ts';

const column = (values: number[]) => tf.tensor4d(values, [values.length, 1, 1, 1]);
const normed = (part: 'y' | 'mean' | 'variance') => () =>
  tf.tidy(() => valuesOf(batchNormTraining(column([1, 2, 3, 4]), tf.ones([1]), tf.zeros([1]))[part]));
const teacher = [2, 1, 0];
const distilled = (student: number[], temperature: number) => () => [
  tf.tidy(() => temperature ** 2 * scalarOf(distillation(tf.tensor2d([student]), tf.tensor2d([teacher]), temperature))),
];
/** 50,000 images of ten classes. */
const CIFAR_LABELS = Int32Array.from({ length: 50_000 }, (_, i) => i % 10);
export const otherAnswers: Answer[] = [
  { what: 'batch norm of 1, 2, 3, 4: mean', source: 'Ioffe & Szegedy 2015', expected: [2.5], ours: normed('mean') },
  { what: 'its variance, biased', source: 'Ioffe & Szegedy 2015', expected: [1.25], ours: normed('variance') },
  {
    what: 'its output, ε = 1e-5',
    source: 'Ioffe & Szegedy 2015',
    expected: [-1.341635, -0.447212, 0.447212, 1.341635],
    ours: normed('y'),
  },
  {
    what: 'a classifier of zeros, ten classes: first loss',
    source: 'ln C',
    expected: [Math.log(10)],
    ours: () => [tf.tidy(() => scalarOf(crossEntropy(tf.zeros([4, 10]), tf.tensor1d([0, 3, 9, 9], 'int32'))))],
  },
  {
    what: 'supervised contrastive, B = 8 equal embeddings of two classes',
    source: 'Khosla et al. 2020, eq. 2: ln(B − 1)',
    expected: [Math.log(7)],
    ours: () => [tf.tidy(() => scalarOf(supervisedContrastive(tf.ones([8, 3]), tf.tensor1d([0, 1, 0, 1, 0, 1, 1, 1], 'int32'), 0.1)))],
  },
  { what: 'distillation, teacher (2, 1, 0), even student', source: 'SimCLRv2, eq. 2', expected: [1.098612], ours: distilled([0, 0, 0], 1) },
  { what: 'the same, student = teacher', source: 'SimCLRv2, eq. 2', expected: [0.832396], ours: distilled(teacher, 1) },
  {
    what: 'at T = 4, times the T² that the paper leaves out: even, equal',
    source: 'Hinton et al. 2015',
    expected: [17.5778, 17.2496],
    ours: () => [...distilled([0, 0, 0], 4)(), ...distilled(teacher, 4)()],
    within: 1e-4,
  },
  { what: 'blur of three taps at σ = 1', source: 'e^(−x²/2σ²)', expected: [0.274069, 0.451863, 0.274069], ours: () => blurKernel(1, 1) },
  {
    what: 'taps of the blur at 224, 96, 64, 32 px',
    source: 'google-research/simclr data_util.py',
    expected: [23, 9, 7, 3],
    ours: () => [224, 96, 64, 32].map((size) => 2 * blurRadius(size) + 1),
    within: 0,
  },
  {
    what: 'centre crop of 0.875 of 256 px: side, offset',
    source: 'google-research/simclr data_util.py',
    expected: [224, 16],
    ours: () => [centreBox(256, 0.875).height, centreBox(256, 0.875).top],
    within: 0,
  },
  {
    what: 'nearest neighbours: votes at cosine 0.9 and 0.8, T = 0.1',
    source: 'Wu et al. 2018, eq. 13: e to 1',
    expected: [Math.E / (1 + Math.E), 1 / (1 + Math.E)],
    ours: () =>
      tf.tidy(() => {
        const unit = tf.tensor2d([0.9, Math.sqrt(1 - 0.81), 0.8, 0.6], [2, 2]);
        return valuesOf(neighbourVotes(tf.tensor2d([[5, 0]]), { unit, labels: Int32Array.of(0, 1) }, 2));
      }),
  },
  {
    what: 'labels drawn of CIFAR-10 at 1 % and 10 %',
    source: '50 and 500 a class',
    expected: [500, 5_000],
    ours: () => [0.01, 0.1].map((fraction) => drawLabels(CIFAR_LABELS, 10, { fraction, draw: 0 }, 1).length),
    within: 0,
  },
];
