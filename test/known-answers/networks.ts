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
];
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
