import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { beforeAll, expect, test } from 'vitest';
import type { Architecture } from '../../contracts/trainer.ts';
import { networkOf } from '../../learning/networks/network.ts';
import { initialValue } from '../../learning/networks/parameters.ts';
import { decodeSafetensors, encodeSafetensors, type HostTensors } from '../../learning/safetensors.ts';

const CLI = fileURLToPath(new URL('../../cli/fewlabels.js', import.meta.url));
const ARCHITECTURE: Architecture = {
  encoder: { depth: 18, width: 0.0625, stem: 'small' },
  headLayers: 0,
  projection: 2,
  classes: 2,
  size: 16,
};
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fewlabels-test-'));
  const tensors: HostTensors = {};
  for (const spec of networkOf(ARCHITECTURE).parameters)
    tensors[spec.name] = { dtype: 'float32', shape: spec.shape, data: initialValue(spec, 1) };
  const metadata = { kind: 'model', architecture: JSON.stringify(ARCHITECTURE), classes: '["dark","bright"]' };
  await writeFile(join(folder, 'student.safetensors'), encodeSafetensors(tensors, metadata));
});

async function fewlabels(...args: string[]): Promise<{ status: number; stdout: string; stderr: string }> {
  const run = promisify(execFile)(process.execPath, [CLI, ...args], { cwd: folder, env: { PATH: process.env.PATH, HOME: folder } });
  return run.then(
    (texts) => ({ status: 0, ...texts }),
    (error: { code: number; stdout: string; stderr: string }) => ({ status: error.code, stdout: error.stdout, stderr: error.stderr }),
  );
}

test('fewlabels export: the student under PyTorch’s names, with what one must know to use it', async () => {
  const { status, stdout } = await fewlabels('export', 'student.safetensors');
  expect([status, stdout]).toEqual([0, `${join(folder, 'student-pytorch.safetensors')}\n`]);
  const { tensors, metadata } = decodeSafetensors(await readFile(stdout.trim()));
  expect(tensors['layer4.1.conv2.weight']?.shape).toEqual([32, 32, 3, 3]);
  expect(tensors['fc.weight']?.shape).toEqual([2, 32]);
  expect(metadata).toMatchObject({ format: 'pt', classes: '["dark","bright"]', architecture: JSON.stringify(ARCHITECTURE) });
}, 60_000);

test('fewlabels export: a file that cannot be written, and a model that is none, are bad input', async () => {
  expect(await fewlabels('export', 'student.safetensors', '--output', 'missing/out.safetensors')).toMatchObject({ status: 2 });
  await writeFile(join(folder, 'text.safetensors'), 'this is no model at all');
  const { status, stderr } = await fewlabels('export', 'text.safetensors');
  expect([status, stderr]).toEqual([2, expect.stringContaining('✖ Cannot export "text.safetensors"')]);
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
    return fewlabels('check', 'recipe.yaml');
  };
  expect(await check('student.safetensors')).toMatchObject({ status: 0 });
  expect(await check('student-pytorch.safetensors')).toMatchObject({ status: 0 });
  expect(await check('student.safetensors', 0.125)).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('its encoder must be the same'),
  });
  expect(await check('student-pytorch.safetensors', 0.125)).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('layer2.0.downsample'),
  });
  expect(await check('nowhere.safetensors')).toMatchObject({ status: 2, stderr: expect.stringContaining('nowhere.safetensors') });
}, 120_000);

async function folderOf(name: string): Promise<string> {
  const path = join(folder, 'images', name);
  await mkdir(path, { recursive: true });
  return path;
}
