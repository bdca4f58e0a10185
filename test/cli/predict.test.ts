import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { beforeAll, expect, test } from 'vitest';
import type { Architecture } from '../../contracts/trainer.ts';
import { networkOf } from '../../learning/networks/network.ts';
import { initialValue, sizeOf } from '../../learning/networks/parameters.ts';
import { encodeSafetensors, type HostTensors } from '../../learning/safetensors.ts';

const CLI = fileURLToPath(new URL('../../cli/fewlabels.js', import.meta.url));
const ARCHITECTURE: Architecture = {
  encoder: { depth: 18, width: 0.0625, stem: 'small' },
  headLayers: 0,
  projection: 2,
  classes: 2,
  size: 16,
};
const CLASSES = ['dark, "very"', 'bright'];
let folder: string;

/** The real network with its classifier's weights set to zero: its bias alone decides, so the answer is softmax of the bias; unless there are `weights`. */
function student(bias: [number, number], more: Record<string, string> = {}, weights = (_: number) => 0): Uint8Array {
  const tensors: HostTensors = {};
  for (const spec of networkOf(ARCHITECTURE).parameters) {
    const last = spec.role === 'bias' ? Float32Array.from(bias) : Float32Array.from({ length: sizeOf(spec) }, (_, i) => weights(i));
    const data = spec.part === 'classifier' ? last : initialValue(spec, 1);
    tensors[spec.name] = { dtype: 'float32', shape: spec.shape, data };
  }
  return encodeSafetensors(tensors, { architecture: JSON.stringify(ARCHITECTURE), classes: JSON.stringify(CLASSES), ...more });
}

const predict = (...args: string[]) => predictWith('student.safetensors', ...args);

async function predictWith(model: string, ...args: string[]): Promise<{ status: number; stdout: string; stderr: string }> {
  const run = promisify(execFile)(process.execPath, [CLI, 'predict', join(folder, model), ...args], {
    cwd: folder,
    env: { PATH: process.env.PATH, HOME: folder },
  });
  return run.then(
    (texts) => ({ status: 0, ...texts }),
    (error: { code: number; stdout: string; stderr: string }) => ({ status: error.code, stdout: error.stdout, stderr: error.stderr }),
  );
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fewlabels-test-'));
  await mkdir(join(folder, 'images/deeper'), { recursive: true });
  await writeFile(join(folder, 'student.safetensors'), student([Math.log(3), 0])); // softmax of [ln 3, 0] is [3/4, 1/4]
  for (const name of ['a.png', 'deeper/b.jpg'])
    await sharp({ create: { width: 20, height: 30, channels: 3, background: '#808080' } }).toFile(join(folder, 'images', name));
});

test('fewlabels predict: one line of CSV per image of a folder, names quoted where they must be', async () => {
  const { status, stdout } = await predict('images');
  expect([status, stdout.trim().split('\n')]).toEqual([
    0,
    ['image,class,probability', 'images/a.png,"dark, ""very""",0.7500', 'images/deeper/b.jpg,"dark, ""very""",0.7500'],
  ]);
}, 60_000);

test('fewlabels predict --json: one object with every probability', async () => {
  const { stdout } = await predict('images/a.png', '--json');
  const { predictions } = JSON.parse(stdout) as { predictions: { probabilities: Record<string, number> }[] };
  expect(predictions).toHaveLength(1);
  expect(Object.values(predictions[0]?.probabilities ?? {})).toEqual([expect.closeTo(0.75, 5), expect.closeTo(0.25, 5)]);
}, 60_000);

test('fewlabels predict: the student’s temperature divides its logits', async () => {
  await mkdir(join(folder, 'cooled'), { recursive: true });
  await writeFile(join(folder, 'cooled', 'student.safetensors'), student([Math.log(9), 0], { temperature: '2' }));
  const { stdout } = await predictWith('cooled', 'images/a.png');
  expect(stdout.trim().split('\n')[1]).toMatch(/,0\.7500$/); // √9 to 1
}, 60_000);

test('fewlabels predict: sees the middle of an image where its student was evaluated so', async () => {
  const white = { create: { width: 16, height: 16, channels: 3 as const, background: '#ffffff' } };
  const middle = await sharp({ create: { width: 8, height: 8, channels: 3, background: '#305090' } })
    .png()
    .toBuffer();
  await sharp(white)
    .composite([{ input: middle, left: 4, top: 4 }])
    .removeAlpha()
    .toFile(join(folder, 'framed.png'));
  await sharp({ create: { width: 16, height: 16, channels: 3, background: '#305090' } }).toFile(join(folder, 'plain.png'));
  const answers = async (metadata: Record<string, string>) => {
    await writeFile(join(folder, 'middle.safetensors'), student([0, 0], metadata, Math.sin));
    const { stdout } = await predictWith('middle.safetensors', 'framed.png', 'plain.png', '--json');
    const { predictions } = JSON.parse(stdout) as { predictions: { probabilities: Record<string, number> }[] };
    return predictions.map(({ probabilities }) => probabilities.bright ?? Number.NaN);
  };
  const [framed = 0, plain = 0] = await answers({ evaluationCrop: '0.5' });
  expect(framed).toBeCloseTo(plain, 5);
  const [framedWhole = 0, plainWhole = 0] = await answers({});
  expect(Math.abs(framedWhole - plainWhole)).toBeGreaterThan(1e-3);
}, 60_000);

test('fewlabels predict: an image that cannot be read is told, the others are answered, and the status is 1', async () => {
  await writeFile(join(folder, 'broken.png'), 'this is no image');
  const { status, stdout, stderr } = await predict('broken.png', 'images/a.png');
  expect([status, stdout.trim().split('\n').length]).toEqual([1, 2]);
  expect(stderr).toMatch(/^✖ broken\.png: /);
}, 60_000);

test('fewlabels predict: no images, and a missing one, are bad input', async () => {
  expect((await predict('missing.png')).status).toBe(2);
  await mkdir(join(folder, 'empty'), { recursive: true });
  expect((await predict('empty')).status).toBe(2);
});
