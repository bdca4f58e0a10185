import type { Architecture } from '../../contracts/trainer.ts';
import { encoderOf, networkOf } from '../../learning/networks/network.ts';
import { isTrainable, type ParameterSpec, sizeOf } from '../../learning/networks/parameters.ts';
import type { Answer } from './answer.ts';

type Encoder = Architecture['encoder'];
const total = (specs: ParameterSpec[]) => specs.reduce((sum, spec) => sum + sizeOf(spec), 0);
const countsOf = (specs: ParameterSpec[]) => [total(specs.filter(isTrainable)), total(specs.filter((spec) => !isTrainable(spec)))];
const V2 = 'Chen et al. 2020 (SimCLRv2), table 1 to the million; google-research/simclr resnet.py';

/** Trainable parameters and moving statistics of encoders. */
const ENCODERS: [string, Encoder, number, number][] = [
  ['ResNet-18', { depth: 18, width: 1, stem: 'imagenet' }, 11_180_736, 9_728],
  ['ResNet-18, small stem', { depth: 18, width: 1, stem: 'small' }, 11_173_056, 9_728],
  ['ResNet-34', { depth: 34, width: 1, stem: 'imagenet' }, 21_288_896, 17_152],
  ['ResNet-34, small stem', { depth: 34, width: 1, stem: 'small' }, 21_281_216, 17_152],
  ['ResNet-50', { depth: 50, width: 1, stem: 'imagenet' }, 23_508_032, 53_120],
  ['ResNet-50, small stem', { depth: 50, width: 1, stem: 'small' }, 23_500_352, 53_120],
  ['ResNet-50 2×', { depth: 50, width: 2, stem: 'imagenet' }, 93_907_072, 106_240],
  ['ResNet-101', { depth: 101, width: 1, stem: 'imagenet' }, 42_500_160, 105_344],
  ['ResNet-101 2×', { depth: 101, width: 2, stem: 'imagenet' }, 169_771_136, 210_688],
  ['ResNet-152', { depth: 152, width: 1, stem: 'imagenet' }, 58_143_808, 151_424],
  ['ResNet-152 2×', { depth: 152, width: 2, stem: 'imagenet' }, 232_253_568, 302_848],
  ['ResNet-50 SK', { depth: 50, width: 1, stem: 'imagenet', selectiveKernel: true }, 35_215_584, 61_824],
  ['ResNet-50 SK, small stem', { depth: 50, width: 1, stem: 'small', selectiveKernel: true }, 35_188_672, 61_696],
  ['ResNet-50 2× SK', { depth: 50, width: 2, stem: 'imagenet', selectiveKernel: true }, 140_306_048, 122_816],
  ['ResNet-101 SK', { depth: 101, width: 1, stem: 'imagenet', selectiveKernel: true }, 64_662_304, 123_840],
  ['ResNet-101 2× SK', { depth: 101, width: 2, stem: 'imagenet', selectiveKernel: true }, 257_132_224, 245_760],
  ['ResNet-152 SK', { depth: 152, width: 1, stem: 'imagenet', selectiveKernel: true }, 88_940_896, 178_688],
  ['ResNet-152 2× SK', { depth: 152, width: 2, stem: 'imagenet', selectiveKernel: true }, 353_398_528, 354_368],
  ['ResNet-152 3× SK', { depth: 152, width: 3, stem: 'imagenet', selectiveKernel: true }, 794_704_160, 531_200],
];
/** The 13 networks of that table. */
const PUBLISHED = ENCODERS.filter(([what]) => !/ResNet-(18|34)|small stem/.test(what));
const millions = ([trainable = 0, moving = 0]: number[]) => Math.round((trainable + moving) / 1e6);
export const parameterAnswers: Answer[] = [
  ...ENCODERS.map(
    ([what, encoder, trainable, moving]): Answer => ({
      what: `${what}: trainable, moving`,
      source: V2,
      expected: [trainable, moving],
      ours: () => countsOf(encoderOf({ encoder }).parameters),
      within: 0,
    }),
  ),
  {
    what: 'those 13 without small stem, trainable and moving, in millions',
    source: 'Chen et al. 2020 (SimCLRv2), table 1',
    expected: [24, 94, 43, 170, 58, 233, 35, 140, 65, 257, 89, 354, 795],
    ours: () => PUBLISHED.map(([, encoder]) => millions(countsOf(encoderOf({ encoder }).parameters))),
    within: 0,
  },
  ...(
    [
      [18, 11_176_512],
      [34, 21_284_672],
    ] as const
  ).map(
    ([depth, expected]): Answer => ({
      what: `ResNet-${depth} without a projection in group 1: trainable`,
      source: 'torchvision resnet.py, without its last layer',
      expected: [expected],
      ours: () => countsOf(encoderOf({ encoder: { depth, width: 1, stem: 'imagenet', shortcut: 'torchvision' } }).parameters).slice(0, 1),
      within: 0,
    }),
  ),
  {
    what: 'ResNet-50 with a classifier of 1,000 classes: trainable',
    source: 'torchvision resnet.py',
    expected: [25_557_032],
    ours: () => {
      const encoder: Encoder = { depth: 50, width: 1, stem: 'imagenet' };
      return countsOf(networkOf({ encoder, headLayers: 0, projection: 2, classes: 1000, size: 224 }).parameters).slice(0, 1);
    },
    within: 0,
  },
  ...(
    [
      [18, 1, 3, 592_000],
      [18, 1, 2, 328_832],
      [50, 1, 3, 8_659_072],
      [50, 1, 2, 4_460_672],
      [50, 2, 3, 34_095_232],
      [50, 3, 3, 76_308_608],
    ] as const
  ).map(
    ([depth, width, headLayers, expected]): Answer => ({
      what: `projection head of ${headLayers} layers to 128, on ResNet-${depth} ${width}×`,
      source: 'google-research/simclr model_util.py',
      expected: [expected],
      ours: () => {
        const encoder: Encoder = { depth, width, stem: 'imagenet' };
        const { parameters } = networkOf({ encoder, headLayers, projection: 128, classes: 0, size: 224 });
        return [total(parameters.filter((spec) => spec.part === 'head' && isTrainable(spec)))];
      },
      within: 0,
    }),
  ),
];
