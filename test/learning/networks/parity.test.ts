/** Our networks against PyTorch's: same weights, same images. The numbers are make-networks.py's and make-pytorch.py's, in float64. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Architecture } from '../../../contracts/trainer.ts';
import { fromPytorch, toPytorch } from '../../../learning/interchange.ts';
import { ntXent } from '../../../learning/losses/nt-xent.ts';
import { encoderOf, networkOf } from '../../../learning/networks/network.ts';
import { isTrainable, sizeOf } from '../../../learning/networks/parameters.ts';
import { type HostTensor, readSafetensors } from '../../../learning/safetensors.ts';
import { gradientsOf } from '../../../learning/steps/step.ts';
import { tf } from '../../../learning/tensorflow.ts';
import { counted, countedImages, countedState } from '../../golden/counted.ts';
import { hostTensors, scalarOf, valuesOf } from '../tensors.ts';

type Encoder = Architecture['encoder'];

const { tensors: golden } = await readSafetensors(join(import.meta.dirname, '../../golden/networks.safetensors'));
const wanted = (name: string): number[] => Array.from(golden[name]!.data);

test('encoderOf: a ResNet-200 has as many trained parameters as PyTorch’s', () => {
  const { parameters } = encoderOf({ encoder: { depth: 200, width: 1, stem: 'imagenet' } });
  expect(parameters.filter(isTrainable).reduce((sum, spec) => sum + sizeOf(spec), 0)).toBe(wanted('resnet200/parameters')[0]);
});

const torchvision = { shortcut: 'torchvision', padding: 'torchvision' } as const;

describe.each<[string, Encoder, number]>([
  ['resnet18', { depth: 18, width: 1, stem: 'small' }, 32],
  ['resnet50', { depth: 50, width: 1, stem: 'imagenet' }, 64],
  ['resnet50-2x', { depth: 50, width: 2, stem: 'small' }, 16],
  ['resnet50-sk', { depth: 50, width: 1, stem: 'imagenet', selectiveKernel: true }, 65],
  ['torchvision-resnet18', { depth: 18, width: 1, stem: 'imagenet', ...torchvision }, 64],
  ['torchvision-resnet50', { depth: 50, width: 1, stem: 'imagenet', padding: 'torchvision' }, 64],
])('encoderOf: %s', (name, encoder, size) => {
  test(`encoderOf: the features of ${name} are PyTorch's to 1e-4 of the largest, in inference and in training`, () => {
    tf.tidy(() => {
      const network = encoderOf({ encoder });
      const [state, images] = [countedState(network.parameters), countedImages(4, size)];
      for (const mode of ['eval', 'train']) {
        const { output } = network.apply(state, images, { training: mode === 'train' });
        const ours = valuesOf(output).filter((_, i) => i % 8 === 0);
        const theirs = wanted(`${name}/${mode}`);
        expect(ours.length).toBe(theirs.length);
        expect(apart(ours, theirs) / largest(theirs), mode).toBeLessThan(1e-4);
      }
    });
  });
});

describe.each<[string, Encoder, number]>([
  ['resnet18', { depth: 18, width: 0.25, stem: 'small' }, 8],
  ['resnet50', { depth: 50, width: 0.0625, stem: 'imagenet' }, 16],
  ['resnet50-2x', { depth: 50, width: 0.125, stem: 'imagenet' }, 16],
  ['resnet50-sk', { depth: 50, width: 0.0625, stem: 'imagenet', selectiveKernel: true }, 16],
  ['torchvision-resnet18', { depth: 18, width: 0.125, stem: 'imagenet', ...torchvision }, 16],
])('networkOf: a SimCLR step of %s', (name, encoder, size) => {
  test(`networkOf: loss and gradients of a SimCLR step of ${name} are PyTorch's to 1e-3, each parameter in units of its own`, () => {
    tf.tidy(() => {
      const network = networkOf({ encoder, headLayers: 3, projection: 16, classes: 0, size });
      const images = countedImages(16, size);
      const { loss, gradients } = gradientsOf(network.parameters, countedState(network.parameters), (values) => {
        const extra = network.apply(values, images, { training: true });
        return { loss: ntXent(extra.output, 0.5), extra };
      });
      expect(scalarOf(loss)).toBeCloseTo(wanted(`step-${name}/loss`)[0]!, 4);
      const names = network.parameters.filter(isTrainable).map((spec) => spec.name);
      const rows = wanted(`step-${name}/gradients`);
      expect(rows.length).toBe(17 * names.length);
      const squares = names.sort().map((parameter, i) => {
        const values = valuesOf(gradients[parameter]!);
        const [norm, ...theirs] = rows.slice(17 * i, 17 * (i + 1)) as [number, ...number[]];
        const sample = values.filter((_, at) => at % Math.ceil(values.length / 16) === 0);
        expect(Math.abs(length(values) / norm - 1), `the norm at ${parameter}`).toBeLessThan(1e-3);
        const away = length(sample.map((value, at) => value - theirs[at]!)) / Math.sqrt(sample.length);
        return (away / (norm / Math.sqrt(values.length))) ** 2;
      });
      expect(Math.sqrt(squares.reduce((sum, square) => sum + square, 0) / squares.length)).toBeLessThan(1e-3);
    });
  });
});

/** A tensor of a PyTorch file, as test/golden/make-pytorch.py counts it. */
function countedAs(name: string, shape: number[]): HostTensor {
  const size = shape.reduce((product, side) => product * side, 1);
  const scale = /(running_var|weight)$/.test(name) && shape.length === 1 ? [0.5, name.endsWith('bn3.weight') ? 0.1 : 1] : [-0.5, 0.4];
  const [offset, by] = shape.length > 1 ? [-0.5, Math.sqrt(24 / (size / shape[0]!))] : scale;
  return { dtype: 'float32', shape, data: counted(name, size, offset, by) };
}

const exported = JSON.parse(await readFile(join(import.meta.dirname, '../../golden/pytorch.json'), 'utf8')) as Record<string, Architecture>;
const { tensors: answers } = await readSafetensors(join(import.meta.dirname, '../../golden/pytorch.safetensors'));

test.each(Object.entries(exported))('fromPytorch: a file for docs/pytorch.py means the same network here: %s', (name, architecture) => {
  tf.tidy(() => {
    const { parameters, apply } = networkOf(architecture);
    const shapes = hostTensors(parameters, (spec) => new Float32Array(sizeOf(spec)));
    const theirs = Object.entries(toPytorch(shapes)).map(([torch, { shape }]) => [torch, countedAs(torch, shape)]);
    const ours = fromPytorch({ tensors: Object.fromEntries(theirs), metadata: {} }, parameters);
    const state = Object.fromEntries(Object.entries(ours).map(([own, { data, shape }]) => [own, tf.tensor(data, shape)]));
    const said = valuesOf(apply(state, countedImages(4, architecture.size), { training: false }).output);
    const wantedLogits = Array.from(answers[name]!.data);
    expect(said.length).toBe(12);
    expect(apart(said, wantedLogits) / largest(wantedLogits)).toBeLessThan(1e-4);
  });
});

const length = (values: number[]) => Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0));
const largest = (values: number[]) => Math.max(...values.map(Math.abs));
const apart = (ours: number[], theirs: number[]) => largest(ours.map((value, i) => value - theirs[i]!));
