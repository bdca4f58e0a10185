import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, expect, test } from 'vitest';
import { networkOf } from '../../learning/networks/network.ts';
import { initialValue } from '../../learning/networks/parameters.ts';
import { decodeSafetensors, encodeSafetensors } from '../../learning/safetensors.ts';
import { hostTensors } from '../learning/tensors.ts';
import { fewlabels, STUDENT } from './command.ts';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fewlabels-test-'));
  const tensors = hostTensors(networkOf(STUDENT).parameters, (spec) => initialValue(spec, 1));
  const metadata = { kind: 'model', architecture: JSON.stringify(STUDENT), classes: '["dark","bright"]' };
  await writeFile(join(folder, 'student.safetensors'), encodeSafetensors(tensors, metadata));
});

const inFolder = (...args: string[]) => fewlabels(args, {}, folder);

test('fewlabels export: the student under PyTorch’s names, with what one must know to use it', async () => {
  const { status, out } = await inFolder('export', 'student.safetensors');
  expect([status, out]).toEqual([0, `${join(folder, 'student-pytorch.safetensors')}\n`]);
  const { tensors, metadata } = decodeSafetensors(await readFile(out.trim()));
  expect(tensors['layer4.1.conv2.weight']?.shape).toEqual([32, 32, 3, 3]);
  expect(tensors['fc.weight']?.shape).toEqual([2, 32]);
  expect(metadata).toMatchObject({ format: 'pt', classes: '["dark","bright"]', architecture: JSON.stringify(STUDENT) });
  expect(metadata.input).toBe('float32 RGB from 0 to 1, [B, 3, size, size]');
}, 60_000);

test('fewlabels export: where the colours are torchvision’s, the file says what torchvision’s own networks want', async () => {
  const { tensors, metadata } = decodeSafetensors(await readFile(join(folder, 'student.safetensors')));
  const architecture = JSON.stringify({ ...STUDENT, encoder: { ...STUDENT.encoder, colours: 'torchvision' } });
  await writeFile(join(folder, 'colours.safetensors'), encodeSafetensors(tensors, { ...metadata, architecture }));
  const { out } = await inFolder('export', 'colours.safetensors', '--output', 'colours-pytorch.safetensors');
  const exported = decodeSafetensors(await readFile(out.trim()));
  expect(exported.metadata).toMatchObject({
    architecture,
    input: expect.stringMatching(/minus ImageNet's mean, divided by its standard deviation/),
  });
}, 60_000);

test('fewlabels export: a file that cannot be written, and a model that is none, are bad input', async () => {
  expect(await inFolder('export', 'student.safetensors', '--output', 'missing/out.safetensors')).toMatchObject({ status: 2 });
  await writeFile(join(folder, 'text.safetensors'), 'this is no model at all');
  const { status, err } = await inFolder('export', 'text.safetensors');
  expect([status, err]).toEqual([2, expect.stringContaining('✖ Cannot export "text.safetensors"')]);
  for (const architecture of ['null', 'depth 18']) {
    await writeFile(join(folder, 'other.safetensors'), encodeSafetensors({}, { architecture }));
    const other = await inFolder('export', 'other.safetensors');
    expect([other.status, other.err]).toEqual([2, expect.stringContaining('✖ Cannot export "other.safetensors"')]);
  }
}, 60_000);

test('fewlabels check: a start that is missing or of another encoder is told before anything starts', async () => {
  for (const name of ['dark', 'bright'])
    for (const i of [1, 2, 3, 4, 5, 6])
      await sharp({ create: { width: 16, height: 16, channels: 3, background: '#808080' } })
        .png()
        .toFile(join(await folderOf(name), `${i}.png`));
  const recipe = (start: string, width: number) =>
    `name: cells\nimages: {train: images, size: 16}\nencoder: {width: ${width}}\npretrain: {start: ${start}}\n`;
  const check = async (start: string, width = 0.0625) => {
    await writeFile(join(folder, 'recipe.yaml'), recipe(start, width));
    return inFolder('check', 'recipe.yaml');
  };
  expect(await check('student.safetensors')).toMatchObject({ status: 0 });
  expect(await check('student-pytorch.safetensors')).toMatchObject({ status: 0 });
  for (const start of ['student.safetensors', 'student-pytorch.safetensors'])
    expect(await check(start, 0.125)).toMatchObject({ status: 2, err: expect.stringContaining('its encoder must be the same') });
  expect(await check('nowhere.safetensors')).toMatchObject({ status: 2, err: expect.stringContaining('nowhere.safetensors') });
}, 120_000);

async function folderOf(name: string): Promise<string> {
  const path = join(folder, 'images', name);
  await mkdir(path, { recursive: true });
  return path;
}
