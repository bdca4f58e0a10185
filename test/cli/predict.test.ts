import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import sharp from 'sharp';
import { beforeAll, expect, test } from 'vitest';
import { csv } from '../../cli/commands/predict.ts';
import { toPytorch } from '../../learning/interchange.ts';
import { networkOf } from '../../learning/networks/network.ts';
import { initialValue, type ParameterSpec, sizeOf } from '../../learning/networks/parameters.ts';
import { decodeSafetensors, encodeSafetensors } from '../../learning/safetensors.ts';
import { hostTensors } from '../learning/tensors.ts';
import { fewlabels, type Said, STUDENT } from './command.ts';

const CLASSES = ['dark, "very"', 'bright'];
let folder: string;

/** The real network with its classifier's weights set to zero: its bias alone decides, so the answer is softmax of the bias; unless there are `weights`. */
function student(bias: [number, number], more: Record<string, string> = {}, weights = (_: number) => 0): Uint8Array {
  const last = (spec: ParameterSpec) =>
    spec.role === 'bias' ? Float32Array.from(bias) : Float32Array.from({ length: sizeOf(spec) }, (_, i) => weights(i));
  const tensors = hostTensors(networkOf(STUDENT).parameters, (spec) => (spec.part === 'classifier' ? last(spec) : initialValue(spec, 1)));
  return encodeSafetensors(tensors, { architecture: JSON.stringify(STUDENT), classes: JSON.stringify(CLASSES), ...more });
}

const predict = (...args: string[]) => predictWith('student.safetensors', ...args);

const predictWith = (model: string, ...args: string[]): Promise<Said> => fewlabels(['predict', join(folder, model), ...args], {}, folder);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fewlabels-test-'));
  await mkdir(join(folder, 'images/deeper'), { recursive: true });
  await writeFile(join(folder, 'student.safetensors'), student([Math.log(3), 0])); // softmax of [ln 3, 0] is [3/4, 1/4]
  for (const name of ['a.png', 'deeper/b.jpg'])
    await sharp({ create: { width: 20, height: 30, channels: 3, background: '#808080' } }).toFile(join(folder, 'images', name));
});

test('fewlabels predict: one line of CSV per image of a folder, names quoted where they must be', async () => {
  const { status, out } = await predict('images');
  expect([status, out.trim().split('\n')]).toEqual([
    0,
    ['image,class,probability', 'images/a.png,"dark, ""very""",0.7500', 'images/deeper/b.jpg,"dark, ""very""",0.7500'],
  ]);
}, 60_000);

test('fewlabels predict: a student that was exported with PyTorch’s names answers as it did', async () => {
  const { tensors, metadata } = decodeSafetensors(Buffer.from(student([0.3, 0], {}, (i) => Math.sin(i))));
  await writeFile(join(folder, 'ours.safetensors'), encodeSafetensors(tensors, metadata));
  await writeFile(join(folder, 'exported.safetensors'), encodeSafetensors(toPytorch(tensors), { ...metadata, format: 'pt' }));
  const [ours, exported] = [await predictWith('ours.safetensors', 'images'), await predictWith('exported.safetensors', 'images')];
  expect([exported.status, exported.out]).toEqual([0, ours.out]);
  expect(ours.out).not.toContain('0.5744'); // of the bias alone
}, 60_000);

test('fewlabels predict: whoever reads the CSV or the JSON has the true names, whoever watches has each on a line', async () => {
  const names = ['x\n✖ Your disk was erased.png', 'a\u001b[2J.png', 'cod\u202egnp.png', 'a\u2028b.png', 'a"b;c.png', '🦔.png'];
  const image = await sharp({ create: { width: 8, height: 8, channels: 3, background: '#808080' } })
    .png()
    .toBuffer();
  await mkdir(join(folder, 'names'), { recursive: true });
  for (const name of names) await writeFile(join(folder, 'names', name), image);
  await writeFile(join(folder, 'names', 'broken\n✖ forged.png'), 'text');
  const { out, err } = await predict('names');
  const rows = parse<{ image: string; class: string }>(out, { columns: true });
  expect(rows.map((row) => row.image).sort()).toEqual(names.map((name) => `names/${name}`).sort());
  expect(new Set(rows.map((row) => row.class))).toEqual(new Set([CLASSES[0]]));
  expect(err).toBe('✖ names/broken\\n✖ forged.png: it is not an image of a known format\n');
  const { predictions } = JSON.parse((await predict('names', '--json')).out) as { predictions: { image: string }[] };
  expect(predictions.map((entry) => entry.image)).toEqual(rows.map((row) => row.image));
}, 60_000);

test('csv: what a spreadsheet would take for a formula stays a text, numbers stay numbers', () => {
  const fields = [
    '=HYPERLINK("http://x")',
    '+1+1',
    '-2-3',
    '@SUM(1)',
    '\t=1',
    '\uff1d1',
    '-1.png',
    'a;=1',
    'a=1',
    '-1',
    '+2.5',
    '0.7500',
    'e\nf',
  ];
  expect(fields.map(csv)).toEqual([
    `"'=HYPERLINK(""http://x"")"`,
    "'+1+1",
    "'-2-3",
    "'@SUM(1)",
    `"'\t=1"`,
    "'\uff1d1",
    "'-1.png",
    '"a;=1"',
    'a=1',
    '-1',
    '+2.5',
    '0.7500',
    '"e\nf"',
  ]);
});

test('fewlabels predict --json: one object with every probability', async () => {
  const { out } = await predict('images/a.png', '--json');
  const { predictions } = JSON.parse(out) as { predictions: { probabilities: Record<string, number> }[] };
  expect(predictions).toHaveLength(1);
  expect(Object.values(predictions[0]?.probabilities ?? {})).toEqual([expect.closeTo(0.75, 5), expect.closeTo(0.25, 5)]);
}, 60_000);

test('fewlabels predict: the student’s temperature divides its logits', async () => {
  await mkdir(join(folder, 'cooled'), { recursive: true });
  await writeFile(join(folder, 'cooled', 'student.safetensors'), student([Math.log(9), 0], { temperature: '2' }));
  const { out } = await predictWith('cooled', 'images/a.png');
  expect(out.trim().split('\n')[1]).toMatch(/,0\.7500$/); // √9 to 1
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
    const { out } = await predictWith('middle.safetensors', 'framed.png', 'plain.png', '--json');
    const { predictions } = JSON.parse(out) as { predictions: { probabilities: Record<string, number> }[] };
    return predictions.map(({ probabilities }) => probabilities.bright ?? Number.NaN);
  };
  const [framed = 0, plain = 0] = await answers({ evaluationCrop: '0.5' });
  expect(framed).toBeCloseTo(plain, 5);
  const [framedWhole = 0, plainWhole = 0] = await answers({});
  expect(Math.abs(framedWhole - plainWhole)).toBeGreaterThan(1e-3);
}, 60_000);

test('fewlabels predict: an image that cannot be read is told, the others are answered, and the status is 1', async () => {
  await writeFile(join(folder, 'broken.png'), 'this is no image');
  const { status, out, err } = await predict('broken.png', 'images/a.png');
  expect([status, out.trim().split('\n').length]).toEqual([1, 2]);
  expect(err).toMatch(/^✖ broken\.png: /);
}, 60_000);

test('fewlabels predict: no images, and a missing one, are bad input', async () => {
  expect((await predict('missing.png')).status).toBe(2);
  await mkdir(join(folder, 'empty'), { recursive: true });
  expect((await predict('empty')).status).toBe(2);
});
