import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { fromPytorch, toPytorch } from '../../learning/interchange.ts';
import { encoderOf, networkOf } from '../../learning/networks/network.ts';
import { initialValue, type ParameterSpec, sizeOf } from '../../learning/networks/parameters.ts';
import { decodeSafetensors, encodeSafetensors, type HostTensors } from '../../learning/safetensors.ts';
import { architecture } from './loops/scratch.ts';
import { hostTensors } from './tensors.ts';

const tiny = architecture({ encoder: { depth: 18, width: 0.0625, stem: 'small' }, classes: 3 });

/** Every weight and statistic of a network, no two values alike by chance. */
const valuesOf = (parameters: ParameterSpec[]): HostTensors =>
  hostTensors(parameters, (spec) => initialValue({ ...spec, initial: { kind: 'normal', deviation: 1 } }, 1));

/** Shapes alone: nothing is read. */
const shapesOf = (parameters: ParameterSpec[]): HostTensors => hostTensors(parameters, (spec) => new Float32Array(sizeOf(spec)));

test('toPytorch: an encoder of depth 50 has the names and shapes of torchvision’s resnet50', async () => {
  const golden = JSON.parse(await readFile(join(import.meta.dirname, '../golden/torchvision-names.json'), 'utf8'));
  const { 'fc.weight': _weight, 'fc.bias': _bias, ...encoder } = golden.resnet50 as Record<string, number[]>;
  const { parameters } = encoderOf({ encoder: { depth: 50, width: 1, stem: 'imagenet' } });
  const theirs = Object.fromEntries(Object.entries(toPytorch(shapesOf(parameters))).map(([name, { shape }]) => [name, shape]));
  expect(theirs).toEqual(encoder);
});

test('toPytorch: every part has a name of its own, selective kernels and their stem too', () => {
  const { parameters } = encoderOf({ encoder: { depth: 50, width: 0.125, stem: 'imagenet', selectiveKernel: true } });
  const names = Object.keys(toPytorch(shapesOf(parameters)));
  expect(names).toHaveLength(parameters.length);
  for (const name of ['conv3.weight', 'bn2.running_mean', 'layer2.3.mixing.0.weight', 'layer2.3.mixing.1.bias', 'layer2.3.mixing.3.weight'])
    expect(names).toContain(name);
});

test('toPytorch: kernels are [out, in, height, width] and [out, in], head and classifier stand beside the ResNet', () => {
  const { parameters } = networkOf(tiny);
  const ours = valuesOf(parameters);
  const theirs = toPytorch(ours);
  const [kernel, turned] = [ours['encoder/group2/block1/conv1/kernel']!, theirs['layer2.0.conv1.weight']!];
  const [height, width, from, to] = kernel.shape as [number, number, number, number];
  expect(turned.shape).toEqual([to, from, height, width]);
  for (const [h, w, i, o] of [
    [0, 0, 0, 0],
    [2, 1, 3, 5],
    [1, 2, 7, 0],
  ] as const) {
    expect(turned.data[((o * from + i) * height + h) * width + w]).toBe(kernel.data[((h * width + w) * from + i) * to + o]);
  }
  expect(theirs['fc.weight']!.shape).toEqual([3, 32]);
  expect(theirs['fc.weight']!.data[32 + 5]).toBe(ours['classifier/dense/kernel']!.data[5 * 3 + 1]);
  expect(theirs['head.1.0.weight']!.shape).toEqual([32, 32]);
  expect(theirs['head.1.1.running_var']!.data).toEqual(ours['head/layer2/norm/variance']!.data);
});

test('fromPytorch: takes back what toPytorch gave, whatever stands before the names and beside them', () => {
  const { parameters } = networkOf(tiny);
  const ours = valuesOf(parameters);
  expect(fromPytorch({ tensors: toPytorch(ours), metadata: {} }, parameters)).toEqual(ours);
  const wrapped = Object.fromEntries(Object.entries(toPytorch(ours)).map(([name, tensor]) => [`module.backbone.${name}`, tensor]));
  const { parameters: encoder } = encoderOf(tiny);
  const wanted = Object.fromEntries(encoder.map(({ name }) => [name, ours[name]]));
  expect(fromPytorch({ tensors: wrapped, metadata: {} }, encoder)).toEqual(wanted);
});

test('fromPytorch: what is missing, of another shape or of another type is named', () => {
  const { parameters } = encoderOf(tiny);
  const { 'bn1.bias': _bias, 'bn1.weight': _weight, ...rest } = toPytorch(valuesOf(parameters));
  const wide = { dtype: 'float32' as const, shape: [8, 3, 7, 7], data: new Float32Array(8 * 3 * 49) };
  const file = { tensors: { ...rest, 'conv1.weight': wide }, metadata: {}, leftOut: { 'bn1.weight': 'F16' } };
  expect(() => fromPytorch(file, parameters)).toThrow(
    'Cannot read PyTorch\'s weights as they must fit the encoder: "conv1.weight" is float32 [8,3,7,7], wanted float32 [8,3,3,3]; ' +
      '"bn1.weight" is F16, wanted F32; "bn1.bias" is missing',
  );
});

test('fromPytorch: layers of an encoder that ours has not are no weights to be left behind', () => {
  const simclr = valuesOf(encoderOf(tiny).parameters); // it projects in the first block of group 1, torchvision's does not
  const { parameters } = encoderOf({ encoder: { ...tiny.encoder, shortcut: 'torchvision' } });
  expect(() => fromPytorch({ tensors: toPytorch(simclr), metadata: {} }, parameters)).toThrow(
    'fit the encoder: "layer1.0.downsample.0.weight" has no place in it; "layer1.0.downsample.1.weight" has no place in it; ',
  );
  const counter = { dtype: 'int32' as const, shape: [1], data: Int32Array.of(3) };
  const counted = { ...toPytorch(simclr), 'bn1.num_batches_tracked': counter, 'fc.weight': counter };
  expect(fromPytorch({ tensors: counted, metadata: {} }, encoderOf(tiny).parameters)).toEqual(simclr);
});

test('decodeSafetensors: tensors of other types are left out and named where that is asked for, else refused', () => {
  const bytes = encodeSafetensors({ a: { dtype: 'float32', shape: [2], data: Float32Array.of(1, 2) } });
  const header = JSON.stringify({
    a: { dtype: 'F32', shape: [2], data_offsets: [0, 8] },
    count: { dtype: 'I64', shape: [], data_offsets: [8, 16] },
  });
  const opening = Buffer.alloc(8 + header.length);
  opening.writeBigUInt64LE(BigInt(header.length));
  opening.write(header, 8);
  const file = Buffer.concat([opening, bytes.subarray(bytes.length - 8), Buffer.alloc(8)]);
  expect(() => decodeSafetensors(file)).toThrow('tensor "count" must be F32, I32 or U8');
  const { tensors, leftOut } = decodeSafetensors(file, 'leave out');
  expect([Object.keys(tensors), leftOut, Array.from(tensors.a!.data)]).toEqual([['a'], { count: 'I64' }, [1, 2]]);
});
