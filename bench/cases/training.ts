/** The training steps that are timed. */
import { type Goals, stepBenchmark, stepGoals } from './steps.ts';

const SIMCLR = 'A whole step of contrastive pretraining, bytes in, loss out: two views of each image, head of three layers, NT-Xent, LARS.';
const usual = { rounds: 4, perRound: 2 };
const slow = { rounds: 3, perRound: 1, warmUps: 1 };
const many = { rounds: 5, perRound: 5, warmUps: 5, settle: 2 };
const GPU_GOALS: Goals = { float32: { sense: 'atMost', value: 1 }, bfloat16: { sense: 'atMost', value: 1 } };

export const trainingBenchmarks = [
  stepBenchmark(
    { name: 'simclr-18-32', about: `${SIMCLR} ResNet-18, 32 px, 32 images.`, work: 'pretrain', depth: 18, size: 32, images: 32 },
    usual,
    stepGoals(),
  ),
  stepBenchmark(
    { name: 'simclr-18-64', about: `${SIMCLR} ResNet-18, 32 px, 64 images.`, work: 'pretrain', depth: 18, size: 32, images: 64 },
    usual,
    stepGoals(),
  ),
  stepBenchmark(
    {
      name: 'simclr-50-16',
      about: `${SIMCLR} ResNet-50, 64 px, 16 images.`,
      work: 'pretrain',
      depth: 50,
      size: 64,
      images: 16,
      large: true,
    },
    slow,
    stepGoals(),
  ),
  stepBenchmark(
    {
      name: 'finetune',
      about: 'A step of fine-tuning: ResNet-18, 32 px, 64 images, one head layer and a classifier, Nesterov momentum.',
      work: 'finetune',
      depth: 18,
      size: 32,
      images: 64,
    },
    usual,
  ),
  stepBenchmark(
    {
      name: 'distil',
      about: 'A step of distillation, answers of the teacher included: ResNet-18 teaches one of half its width, 32 px, 64 images.',
      work: 'distil',
      depth: 18,
      size: 32,
      images: 64,
    },
    usual,
  ),
  stepBenchmark(
    {
      name: 'gpu-simclr-18',
      about: `${SIMCLR} ResNet-18, 32 px, 512 images, on a GPU.`,
      work: 'pretrain',
      depth: 18,
      size: 32,
      images: 512,
      large: true,
      gpu: true,
    },
    many,
    GPU_GOALS,
  ),
  stepBenchmark(
    {
      name: 'gpu-simclr-50',
      about: `${SIMCLR} ResNet-50, 224 px, 128 images, on a GPU.`,
      work: 'pretrain',
      depth: 50,
      size: 224,
      images: 128,
      large: true,
      gpu: true,
    },
    many,
    GPU_GOALS,
  ),
];
