import { drawLabels } from '../../learning/images/labels.ts';
import { crossEntropy } from '../../learning/losses/cross-entropy.ts';
import { distillation } from '../../learning/losses/distillation.ts';
import { supervisedContrastive } from '../../learning/losses/supervised-contrastive.ts';
import { memoryOf } from '../../learning/memory.ts';
import { chain, conv, norm, type Pass, rectifier } from '../../learning/networks/layers.ts';
import { encoderOf, type Network } from '../../learning/networks/network.ts';
import { initialState, type ParameterSpec, type State } from '../../learning/networks/parameters.ts';
import { selectiveKernel } from '../../learning/networks/selective-kernel.ts';
import { batchNormTraining } from '../../learning/ops/batch-norm.ts';
import { tensorOf } from '../../learning/optimizers/optimizer.ts';
import { neighbourVotes } from '../../learning/probes/neighbours.ts';
import { tf } from '../../learning/tensorflow.ts';
import { blurKernel, blurRadius } from '../../learning/views/blur.ts';
import { centreBox } from '../../learning/views/centre-crop.ts';
import { drawViews, NO_JITTER } from '../../learning/views/draw.ts';
import { distance, noise, scalarOf, valuesOf } from '../learning/tensors.ts';
import type { Answer } from './answer.ts';

const column = (values: number[]) => tf.tensor4d(values, [values.length, 1, 1, 1]);
const normed = (part: 'y' | 'mean' | 'variance') => () =>
  tf.tidy(() => valuesOf(batchNormTraining(column([1, 2, 3, 4]), tf.ones([1]), tf.zeros([1]))[part]));
const teacher = [2, 1, 0];
const distilled = (student: number[], temperature: number) => () => [
  tf.tidy(() => scalarOf(distillation(tf.tensor2d([student]), tf.tensor2d([teacher]), temperature))),
];
/** Moving mean and variance, 0 and 1 at first, after a pass of 1, 2, 3, 4. */
function movedBy(pass: Pass): number[] {
  const layer = norm('norm', 1);
  return tf.tidy(() => {
    const first = initialState(layer.parameters, 1);
    layer.apply(first, column([1, 2, 3, 4]), pass);
    const now = { ...first, ...pass.statistics };
    const values = ['norm/mean', 'norm/variance'].flatMap((name) => valuesOf(tensorOf(now, name)));
    tf.dispose(pass.statistics); // a pass keeps them
    return values;
  });
}

/** How far features move when all kernels of the branches, but not those of the shortcuts, are turned about. */
function changeByBranches(): number {
  const { parameters, apply } = encoderOf({ encoder: { depth: 50, width: 0.0625, stem: 'small' } });
  return tf.tidy(() => {
    const fresh = initialState(parameters, 1);
    const turned = Object.entries(fresh).map(([name, value]) => [name, /conv\d\/kernel$/.test(name) ? tf.mul(value, -3) : value]);
    const images = noise([2, 8, 8, 3], 1);
    const features = (values: State) => apply(values, images, { training: false }).output;
    return distance(features(fresh), features(Object.fromEntries(turned)));
  });
}

function distanceFromMean(): number {
  const layer = selectiveKernel('block', 2, 1);
  const branches = chain(conv('block/conv2', 2, 4, 3, 1), norm('block/norm2', 4), rectifier);
  const asked: Pass = { training: false, isFrozen: () => false, statistics: {} };
  return tf.tidy(() => {
    const values = { ...initialState(layer.parameters, 1), 'block/mixing/dense2/kernel': tf.zeros([32, 4]) };
    const x = noise([2, 5, 5, 2], 1);
    const both = tf.reshape(branches.apply(values, x, asked), [2, 5, 5, 2, 2]);
    return distance(layer.apply(values, x, asked), tf.mean(both, 3));
  });
}

/** The average after a step of a network of one weight, 3, whose average was 1. */
function averaged(decay: number): number {
  const w: ParameterSpec = { name: 'w', shape: [1], initial: { kind: 'zeros' }, role: 'kernel', part: 'encoder' };
  const network: Network = {
    parameters: [w],
    apply: (values, x) => {
      const output = tf.mul(x, tensorOf(values, 'w'));
      return { output, embeddings: output, statistics: {} };
    },
  };
  return tf.tidy(() => {
    const state = { w: tf.tensor1d([3]), 'memory/w': tf.tensor1d([1]), 'memory/queue': tf.ones([2, 1]) };
    return scalarOf(tensorOf(memoryOf(network, { size: 2, decay }, 1).next(state, tf.ones([1, 1])), 'memory/w'));
  });
}

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
    what: 'its moving mean and variance, from 0 and 1, momentum 0.9',
    source: 'google-research/simclr resnet.py; the unbiased variance would give 1.067',
    expected: [0.25, 1.025],
    ours: () => movedBy({ training: true, isFrozen: () => false, statistics: {} }),
  },
  {
    what: 'the same of a norm that is frozen, or asked',
    source: 'what is frozen stays',
    expected: [0, 1, 0, 1],
    ours: () => [
      ...movedBy({ training: true, isFrozen: () => true, statistics: {} }),
      ...movedBy({ training: false, isFrozen: () => false, statistics: {} }),
    ],
    within: 0,
  },
  {
    what: 'a fresh ResNet-50, every kernel of its branches another: largest change of a feature',
    source: 'google-research/simclr resnet.py: the last γ of a branch is 0',
    expected: [0],
    ours: () => [changeByBranches()],
    within: 0,
  },
  {
    what: 'selective kernel, mixing weights 0: largest distance from the mean of its branches, to 1e-6',
    source: 'Li et al. 2019, eq. 5: softmax of (0, 0)',
    expected: [0],
    ours: () => [Math.round(1e6 * distanceFromMean()) / 1e6],
    within: 0,
  },
  {
    what: 'averaged encoder, w = 3, average 1: m = 1, 0, 0.999',
    source: 'He et al. 2020 (MoCo), eq. 2',
    expected: [1, 3, 1.002],
    ours: () => [1, 0, 0.999].map(averaged),
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
    what: 'at T = 4, with the factor T²: even, equal',
    source: 'Hinton et al. 2015',
    expected: [17.5778, 17.2496],
    ours: () => [...distilled([0, 0, 0], 4)(), ...distilled(teacher, 4)()],
    within: 1e-4,
  },
  {
    what: 'jitter of strength 0: views of 1,000 whose colours change',
    source: 'Chen et al. 2020, appendix A',
    expected: [0],
    ours: () => {
      const ids = Array.from({ length: 500 }, (_, i) => String(i));
      const { order } = drawViews({ kind: 'simclr', jitter: 0, minArea: 0.08, blur: false }, 1, 0, ids, 2, 32);
      return [order.filter((one) => one !== NO_JITTER).length];
    },
    within: 0,
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
