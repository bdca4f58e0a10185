import { describe, expect, test } from 'vitest';
import type { Architecture } from '../../../contracts/trainer.ts';
import { encoderOf, networkOf } from '../../../learning/networks/network.ts';
import { initialState, initialValue, isTrainable, type ParameterSpec, sizeOf } from '../../../learning/networks/parameters.ts';
import { tf } from '../../../learning/tensorflow.ts';
import { distance, noise, valuesOf } from '../tensors.ts';

type Encoder = Architecture['encoder'];
const tiny: Encoder = { depth: 18, width: 0.0625, stem: 'small' };
const architecture = (more: Partial<Architecture> = {}): Architecture => ({
  encoder: tiny,
  headLayers: 3,
  projection: 16,
  classes: 0,
  size: 16,
  ...more,
});

const total = (specs: ParameterSpec[]) => specs.reduce((sum, spec) => sum + sizeOf(spec), 0);

describe('encoderOf: parameter counts are those of google-research/simclr', () => {
  // method.md §5; SimCLR's group 1 has a projection shortcut too, hence 4,224 more than torchvision at depth 18 and 34.
  test.each<[Encoder, number, number]>([
    [{ depth: 18, width: 1, stem: 'small' }, 11_173_056, 9_728],
    [{ depth: 18, width: 1, stem: 'imagenet' }, 11_180_736, 9_728],
    [{ depth: 34, width: 1, stem: 'small' }, 21_281_216, 17_152],
    [{ depth: 34, width: 1, stem: 'imagenet' }, 21_288_896, 17_152],
    [{ depth: 50, width: 1, stem: 'small' }, 23_500_352, 53_120],
    [{ depth: 50, width: 1, stem: 'imagenet' }, 23_508_032, 53_120],
    [{ depth: 50, width: 2, stem: 'imagenet' }, 93_907_072, 106_240],
    [{ depth: 101, width: 1, stem: 'imagenet' }, 42_500_160, 105_344],
    [{ depth: 101, width: 2, stem: 'imagenet' }, 169_771_136, 210_688],
    [{ depth: 152, width: 1, stem: 'imagenet' }, 58_143_808, 151_424],
    [{ depth: 152, width: 2, stem: 'imagenet' }, 232_253_568, 302_848],
    [{ depth: 50, width: 1, stem: 'imagenet', selectiveKernel: true }, 35_215_584, 61_824],
    [{ depth: 50, width: 1, stem: 'small', selectiveKernel: true }, 35_188_672, 61_696],
    [{ depth: 50, width: 2, stem: 'imagenet', selectiveKernel: true }, 140_306_048, 122_816],
    [{ depth: 101, width: 1, stem: 'imagenet', selectiveKernel: true }, 64_662_304, 123_840],
    [{ depth: 101, width: 2, stem: 'imagenet', selectiveKernel: true }, 257_132_224, 245_760],
    [{ depth: 152, width: 1, stem: 'imagenet', selectiveKernel: true }, 88_940_896, 178_688],
    [{ depth: 152, width: 2, stem: 'imagenet', selectiveKernel: true }, 353_398_528, 354_368],
    [{ depth: 152, width: 3, stem: 'imagenet', selectiveKernel: true }, 794_704_160, 531_200],
    // torchvision's (11,689,512 and 21,797,672 with a classifier of 513,000)
    [{ depth: 18, width: 1, stem: 'imagenet', shortcut: 'torchvision' }, 11_176_512, 9_600],
    [{ depth: 34, width: 1, stem: 'imagenet', shortcut: 'torchvision' }, 21_284_672, 17_024],
    [{ depth: 50, width: 1, stem: 'imagenet', shortcut: 'torchvision' }, 23_508_032, 53_120],
  ])('encoderOf %o: %i trainable, %i moving', (encoder, trainable, moving) => {
    const { parameters } = encoderOf({ encoder });
    expect(total(parameters.filter(isTrainable))).toBe(trainable);
    expect(total(parameters.filter((spec) => !isTrainable(spec)))).toBe(moving);
  });
});

describe('networkOf: heads', () => {
  test('networkOf: without a head the features themselves come out', () => {
    const [bare, encoder] = [networkOf(architecture({ headLayers: 0 })), encoderOf({ encoder: tiny })];
    expect(bare.parameters).toEqual(encoder.parameters);
    const [state, images] = [initialState(bare.parameters, 1), noise([2, 16, 16, 3], 1)];
    const [ours, features] = [bare, encoder].map((network) => network.apply(state, images, { training: false }).output);
    expect(distance(ours!, features!)).toBe(0);
  });

  test('networkOf: a head of one layer is a dense one and a norm without beta, as SimCLR’s linear head', () => {
    const names = networkOf(architecture({ headLayers: 1 })).parameters.map(({ name }) => name);
    const expected = ['dense/kernel', 'norm/gamma', 'norm/mean', 'norm/variance'].map((name) => `head/layer1/${name}`);
    expect(names.filter((name) => name.startsWith('head/'))).toEqual(expected);
  });

  test.each<[Encoder['depth'], number, number, number]>([
    [18, 3, 128, 592_000], // method.md §5
    [18, 2, 128, 328_832],
    [50, 3, 128, 8_659_072],
    [50, 2, 128, 4_460_672],
  ])('networkOf: depth %i, %i head layers to %i have %i parameters', (depth, headLayers, projection, count) => {
    const { parameters } = networkOf(architecture({ encoder: { depth, width: 1, stem: 'small' }, headLayers, projection }));
    expect(total(parameters.filter((spec) => spec.part === 'head' && isTrainable(spec)))).toBe(count);
  });

  test('networkOf: the last norm of the projection head has no beta, a kept head layer has one', () => {
    const names = (more: Partial<Architecture>) => networkOf(architecture(more)).parameters.map(({ name }) => name);
    expect(names({ headLayers: 2 })).not.toContain('head/layer2/norm/beta');
    expect(names({ headLayers: 2, classes: 5 })).toContain('head/layer2/norm/beta');
  });

  test('networkOf: a classifier that keeps no head layer stands on the features', () => {
    const { parameters } = networkOf(architecture({ headLayers: 0, classes: 5 }));
    expect(parameters.filter(({ part }) => part === 'head')).toEqual([]);
    expect(parameters.find(({ name }) => name === 'classifier/dense/kernel')?.shape).toEqual([32, 5]); // 512 × 0.0625
  });
});

test.each<[Encoder, number[]]>([
  [tiny, [2, 32]],
  [{ depth: 34, width: 0.25, stem: 'imagenet' }, [2, 128]],
  [{ depth: 50, width: 0.125, stem: 'small' }, [2, 256]],
  [{ depth: 101, width: 0.0625, stem: 'imagenet', selectiveKernel: true }, [2, 128]],
])('encoderOf %o: features have the shape %j', (encoder, shape) => {
  const network = encoderOf({ encoder });
  const { output } = network.apply(initialState(network.parameters, 1), noise([2, 16, 16, 3], 1), { training: true });
  expect(output.shape).toEqual(shape);
});

test('encoderOf: torchvision’s colours are those of its Normalize, of the pixels alone', () => {
  const plain = encoderOf({ encoder: tiny });
  const other = encoderOf({ encoder: { ...tiny, colours: 'torchvision' } });
  expect(other.parameters).toEqual(plain.parameters);
  const state = initialState(plain.parameters, 1);
  const images = noise([2, 16, 16, 3], 3);
  const normalised = tf.stack(
    [0.485, 0.456, 0.406].map((mean, i) => tf.div(tf.sub(tf.gather(images, i, 3), mean), [0.229, 0.224, 0.225][i]!)),
    3,
  );
  for (const training of [true, false]) {
    const features = other.apply(state, images, { training }).output;
    expect(distance(features, plain.apply(state, normalised, { training }).output)).toBeLessThan(1e-5);
    expect(distance(features, plain.apply(state, images, { training }).output)).toBeGreaterThan(0.01);
  }
});

test('networkOf: a fresh network does not depend on its residual branches, their last gamma being 0', () => {
  const network = encoderOf({ encoder: tiny });
  const state = initialState(network.parameters, 1);
  const other = { ...state, 'encoder/group2/block1/conv1/kernel': noise(state['encoder/group2/block1/conv1/kernel']!.shape, 2) };
  const images = noise([4, 16, 16, 3], 3);
  const features = [state, other].map((values) => network.apply(values, images, { training: true }).output);
  expect(distance(features[0]!, features[1]!)).toBe(0);
});

test('networkOf: training moves every statistic a tenth of the way, inference none', () => {
  const network = networkOf(architecture());
  const state = initialState(network.parameters, 1);
  const images = noise([4, 16, 16, 3], 4);
  expect(network.apply(state, images, { training: false }).statistics).toEqual({});
  const { statistics } = network.apply(state, images, { training: true });
  expect(Object.keys(statistics).sort()).toEqual(
    network.parameters
      .filter((spec) => !isTrainable(spec))
      .map(({ name }) => name)
      .sort(),
  );
  const stem = tf.conv2d(
    images as ReturnType<typeof tf.tensor4d>,
    state['encoder/stem/conv/kernel'] as ReturnType<typeof tf.tensor4d>,
    1,
    'same',
  );
  const { mean, variance } = tf.moments(stem, [0, 1, 2]);
  expect(distance(statistics['encoder/stem/norm/mean']!, tf.mul(mean, 0.1))).toBeLessThan(1e-5); // 0.9·0 + 0.1·batch
  expect(distance(statistics['encoder/stem/norm/variance']!, tf.add(tf.mul(variance, 0.1), 0.9))).toBeLessThan(1e-5); // 0.9·1 + 0.1·batch
});

describe('initialState', () => {
  const { parameters } = networkOf(architecture({ encoder: { depth: 18, width: 0.5, stem: 'small' }, classes: 3, headLayers: 1 }));

  test('initialState: the same seed gives the same values, another seed others', () => {
    const [a, b, c] = [1, 1, 2].map((seed) => initialState(parameters, seed)['encoder/stem/conv/kernel']!);
    expect(distance(a!, b!)).toBe(0);
    expect(distance(a!, c!)).toBeGreaterThan(0.1);
  });

  test('initialState: kernels have variance 1/fan-in and no value beyond two deviations of the uncut normal', () => {
    const kernel = valuesOf(initialState(parameters, 3)['encoder/group4/block2/conv1/kernel']!); // [3, 3, 256, 256]
    const [fanIn, cut] = [9 * 256, 0.8796];
    const variance = kernel.reduce((sum, value) => sum + value ** 2, 0) / kernel.length;
    expect(variance * fanIn).toBeCloseTo(1, 2);
    expect(Math.max(...kernel.slice(0, 100_000).map(Math.abs))).toBeLessThanOrEqual((2 / cut) * Math.sqrt(1 / fanIn) + 1e-6);
  });

  test('initialState: the classification layer begins at zero, variances and gammas at one', () => {
    const state = initialState(parameters, 4);
    expect(valuesOf(state['classifier/dense/kernel']!).every((value) => value === 0)).toBe(true);
    expect(valuesOf(state['encoder/stem/norm/variance']!).every((value) => value === 1)).toBe(true);
    expect(valuesOf(state['encoder/group1/block1/norm2/gamma']!).every((value) => value === 0)).toBe(true);
  });

  test('initialState: or the classification layer is drawn evenly from ±1/√features', () => {
    const { parameters: drawn } = networkOf({ ...architecture(), classes: 1_000 }, 'uniform');
    const kernel = drawn.find(({ name }) => name === 'classifier/dense/kernel')!;
    const within = kernel.shape[0]! ** -0.5;
    const values = Array.from(initialValue(kernel, 5));
    expect(Math.max(...values.map(Math.abs))).toBeLessThanOrEqual(within);
    const variance = values.reduce((sum, value) => sum + value ** 2, 0) / values.length;
    expect(variance / (within ** 2 / 3)).toBeCloseTo(1, 1);
    expect(Math.abs(values.reduce((sum, value) => sum + value, 0) / values.length) / within).toBeLessThan(0.02);
    expect(drawn.filter(({ initial }) => initial.kind === 'uniform')).toEqual([kernel]);
  });
});
