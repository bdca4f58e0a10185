import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { BadInput } from '../../cli/problem.ts';
import { readRecipe, runId } from '../../cli/recipe-file.ts';

const GOOD = 'name: cells\nimages: {train: data/train}\n';

async function written(text: string): Promise<string> {
  const file = join(await mkdtemp(join(tmpdir(), 'fewlabels-test-')), 'recipe.yaml');
  await writeFile(file, text);
  return file;
}

async function mistakesOf(text: string, { variables = {}, sets = [] as string[] } = {}): Promise<string[]> {
  const error: unknown = await readRecipe(await written(text), variables, sets).catch((thrown: unknown) => thrown);
  if (!(error instanceof BadInput)) throw new Error(`expected BadInput, got ${String(error)}`);
  return error.mistakes;
}

test('readRecipe: three mistakes are named at once, each with the line of its key', async () => {
  const text = [
    'name: cells',
    'images: {train: data}',
    'pretrain:',
    '  epochs: 5',
    '  temperature: -0.1',
    'labels:',
    '  fractions: [0.1, 1.5]',
    'seed: x',
  ].join('\n');
  expect(await mistakesOf(text)).toEqual([
    'pretrain.temperature must be > 0: got -0.1 (recipe.yaml:5)',
    'labels.fractions[1] must be ≤ 1: got 1.5 (recipe.yaml:7)',
    'seed must be a number: got "x" (recipe.yaml:8)',
  ]);
});

test('readRecipe: a key that is wrong by itself and beside another one is told once', async () => {
  expect(await mistakesOf(`${GOOD}finetune: {fromHeadLayer: 3}\n`)).toEqual(['finetune.fromHeadLayer must be ≤ 2: got 3 (recipe.yaml:3)']);
});

test('readRecipe: a fraction of 0 is a mistake', async () => {
  expect(await mistakesOf(`${GOOD}labels: {fractions: [0]}\n`)).toEqual(['labels.fractions[0] must be > 0: got 0 (recipe.yaml:3)']);
});

test('readRecipe: a range is two numbers in their order', async () => {
  expect(await mistakesOf(`${GOOD}views:\n  aspect: 1\n  blurSigma: [2, 1]\n`)).toEqual([
    'views.aspect must be a list: got 1 (recipe.yaml:4)',
    'views.blurSigma must be two numbers, the smaller one first (recipe.yaml:5)',
  ]);
});

test('readRecipe: an unknown key names the nearest known one, also inside a form of images', async () => {
  const text = ['name: cells', 'images:', '  train: {folder: x, lables: y.csv}', 'pretrain:', '  epoch: 3', '  draws: 2'].join('\n');
  expect(await mistakesOf(text)).toEqual([
    'images.train.lables is no key of a recipe: did you mean images.train.labels? (recipe.yaml:3)',
    'pretrain.epoch is no key of a recipe: did you mean pretrain.epochs? (recipe.yaml:5)',
    'pretrain.draws is no key of a recipe: did you mean labels.draws? (recipe.yaml:6)',
  ]);
});

test('readRecipe: a rule between two sections is told beside the mistakes of a third', async () => {
  expect(await mistakesOf(`${GOOD}pretrain: {headLayers: 2}\nfinetune: {fromHeadLayer: 2}\nseed: -1\n`)).toEqual([
    'finetune.fromHeadLayer must be below pretrain.headLayers (2), got 2 (recipe.yaml:4)',
    expect.stringContaining('seed must be ≥ 0: got -1 (recipe.yaml:5)'),
  ]);
});

test('readRecipe: a rule between two sections is told beside other mistakes of the same sections, unless it compares a broken key', async () => {
  const sections = (headLayers: string) => `pretrain: {headLayers: ${headLayers}}\nfinetune: {fromHeadLayer: 2, epochs: many, epoch: 1}\n`;
  const rule = 'finetune.fromHeadLayer must be below pretrain.headLayers (2), got 2 (recipe.yaml:4)';
  const right = await mistakesOf(`${GOOD}${sections('2')}`);
  expect([right.length, right.includes(rule)]).toEqual([3, true]);
  const broken = await mistakesOf(`${GOOD}${sections('9')}`);
  expect([broken.length, broken.some((text) => text.includes('below'))]).toEqual([3, false]);
});

test('readRecipe: a rule that compares sizes goes by the one that is written, also beside other mistakes', async () => {
  const text = (size: number) =>
    `name: cells\nimages: {train: x, size: ${size}}\nviews: {minArea: 0.25, maxArea: 0.25, aspect: [1, 1]}\nseed: -1\n`;
  expect(await mistakesOf(text(64))).toHaveLength(1); // 32 px of 64
  expect(await mistakesOf(text(65))).toEqual([expect.stringContaining('images.size (65 px)'), expect.stringContaining('seed')]);
  const misspelt = text(65).replace('aspect:', 'crop: torchvison, aspect:'); // by that law there would be crops
  expect(await mistakesOf(misspelt)).toEqual([expect.stringContaining('views.crop'), expect.stringContaining('seed')]);
});

test.each([
  ['- name: x\n', 'got a list (recipe.yaml)'],
  ['hello\n', 'got only "hello" (recipe.yaml)'],
  ['name: a\n---\nname: b\n', 'a recipe is one document: a line of --- begins a second one (recipe.yaml:2)'],
  ['name: \0\n', 'this one is no text in UTF-8'],
])('readRecipe: what is no recipe is said in plain words: %j', async (text, message) => {
  expect(await mistakesOf(text)).toEqual([expect.stringContaining(message)]);
});

test('readRecipe: missing keys are named', async () => {
  expect(await mistakesOf('seed: 1\n')).toEqual([
    'name is missing: it must be a text (recipe.yaml)',
    'images is missing: it must be a mapping (key: value) (recipe.yaml)',
  ]);
});

test('readRecipe: duplicate keys and broken YAML are mistakes with their line', async () => {
  expect(await mistakesOf(`${GOOD}seed: 1\nseed: 2\n`)).toEqual(['Map keys must be unique (recipe.yaml:4)']);
  const [flow] = await mistakesOf('name: cells\nimages: {train: ${DATA}/train}\n');
  expect(flow).toMatch(/needs quotes \(recipe\.yaml:2\)$/);
});

test('readRecipe: a bomb of aliases is refused', async () => {
  // "Billion laughs": each level holds nine of the one before.
  const levels = ['a', 'b', 'c', 'd', 'e', 'f'].map(
    (name, i, all) =>
      `${name}: &${name} [${Array(9)
        .fill(i === 0 ? 'x' : `*${all[i - 1]}`)
        .join(', ')}]`,
  );
  expect((await mistakesOf(`${levels.join('\n')}\n`)).join()).toMatch(/at most 100 aliases/);
});

test('readRecipe: what is nested without end is refused with its line, however it is written', async () => {
  const deep = [`${'['.repeat(50_000)}`, `${'{a: '.repeat(20_000)}`, `\n${'- '.repeat(40_000)}x`, `\n${'? '.repeat(40_000)}x`];
  const levels = Array.from({ length: 300 }, (_, i) => `${' '.repeat(i + 1)}a:`).join('\n');
  for (const value of [...deep, `\n${levels}`])
    expect((await mistakesOf(`${GOOD}views: ${value}\n`)).join()).toMatch(
      /^a recipe has at most 50 sections inside each other \(recipe\.yaml:\d+\)$/,
    );
  expect(await mistakesOf(GOOD, { sets: [`views=${'['.repeat(50_000)}`] })).toEqual([expect.stringMatching(/at most 50 sections/)]);
  const long = await mistakesOf(`${GOOD}pretrain: {epochs: "\${X}"}\nseed: \${X}\n`, { variables: { X: '['.repeat(50_000) } });
  expect(long.join()).toMatch(/seed must be a number/);
});

test('readRecipe: an alias inside what it names, one without an anchor and one in a variable are told, not followed', async () => {
  expect(await mistakesOf('name: &a [*a]\nimages: {train: data}\n')).toEqual([
    'name must be a text: got something that contains itself (recipe.yaml:1)',
  ]);
  expect((await mistakesOf(`${GOOD}seed: *a\n`)).join()).toMatch(/each after its anchor/);
  expect((await mistakesOf(`${GOOD}seed: \${X:-*a}\n`)).join()).toMatch(/seed must be a number: got "\*a"/);
});

test('readRecipe: very many mistakes are counted, the first of them told', async () => {
  const keys = Array.from({ length: 300 }, (_, i) => `k${i}: 1`).join('\n');
  const unknown = await mistakesOf(`${GOOD}${keys}\n`);
  expect(unknown).toHaveLength(21);
  expect(unknown.join('\n')).toMatch(/the recipe has 280 more that are no keys of a recipe/);
  const endless = Array.from({ length: 9_000 }, (_, i) => `k${i}: 1`).join('\n');
  expect((await mistakesOf(`${GOOD}${endless}\n`)).join()).toMatch(/^a recipe has at most 20000 words and signs \(recipe\.yaml:\d+\)$/);
  const wrong = await mistakesOf(`name: cells\nimages: {train: a, unlabelled: [${'0, '.repeat(400)}0]}\n`);
  expect(wrong.length).toBeLessThanOrEqual(101);
  expect(wrong.at(-1)).toMatch(/and \d+ more mistakes/);
});

test.each(['.nan', '.inf', '-.inf', '1e400', '99999999999999999999', '0x1p3', '1_000', '!!binary aGk='])(
  'readRecipe: %s is no number of anything',
  async (value) => {
    expect((await mistakesOf(`${GOOD}pretrain: {epochs: ${value}, temperature: ${value}}\n`)).join()).toMatch(/pretrain\.epochs must be/);
  },
);

test('readRecipe: rules between keys are not worked out with a key that is far out of its bounds', async () => {
  expect(
    await mistakesOf('name: cells\nimages: {train: data, size: 4294967296}\nfinetune: {fromHeadLayer: 2}\npretrain: {headLayers: 1}\n'),
  ).toEqual([
    'images.size must be ≤ 1024: got 4294967296 (recipe.yaml:2)',
    'finetune.fromHeadLayer must be below pretrain.headLayers (1), got 2 (recipe.yaml:3)',
  ]);
});

test('readRecipe: a recipe of more than a hundred kilobytes is refused before it is parsed', async () => {
  expect((await mistakesOf(`${GOOD}# ${'x'.repeat(100_000)}\n`)).join()).toMatch(/at most 100000 bytes/);
});

test('readRecipe: variables are filled in, with defaults, and keep their kind when unquoted', async () => {
  const file = await written(
    'name: cells\nimages: {train: "${DATA}/train", test: "${TEST:-other}/test"}\npretrain:\n  epochs: ${EPOCHS:-7}\n',
  );
  const recipe = await readRecipe(file, { DATA: '/data', TEST: '' });
  expect([recipe.images.train, recipe.pretrain.epochs]).toEqual(['/data/train', 7]);
  expect(recipe.images.test).toBe(join(file, '..', 'other/test'));
});

test('readRecipe: a variable that is not set is a mistake with its line, beside the others', async () => {
  expect(await mistakesOf('name: cells\nimages: {train: "${DATA}/train"}\nseed: -1\n')).toEqual([
    '${DATA} is not set in the environment: set it or write ${DATA:-default} (recipe.yaml:2)',
    'seed must be ≥ 0: got -1 (recipe.yaml:3)',
  ]);
});

test('readRecipe: --set changes and adds keys, its mistakes are told as its own', async () => {
  const sets = ['pretrain.epochs=3', 'labels.fractions=[0.5]', 'views.blur=true', 'images.unlabelled=[s3://bucket/more]'];
  const recipe = await readRecipe(await written(GOOD), {}, sets);
  expect([recipe.pretrain.epochs, recipe.labels.fractions, recipe.views.blur, recipe.images.unlabelled]).toEqual([
    3,
    [0.5],
    true,
    ['s3://bucket/more'],
  ]);
  expect(await mistakesOf(GOOD, { sets: ['pretrain.epochs=0'] })).toEqual(['pretrain.epochs must be ≥ 1: got 0 (--set)']);
  expect(await mistakesOf(`${GOOD}pretrain: {epochs: 3}\n`, { sets: ['pretrain={epochs: 0, learningRate: {base: -1}}'] })).toEqual([
    'pretrain.learningRate.base must be > 0: got -1 (--set)',
    'pretrain.epochs must be ≥ 1: got 0 (--set)',
  ]);
  expect(await mistakesOf(GOOD, { sets: ['epochs'] })).toEqual(['--set takes section.key=value: got "epochs"']);
  expect(await mistakesOf(GOOD, { sets: ['labels.fractions=[1'] })).toEqual([expect.stringContaining('got "labels.fractions=[1"')]);
});

test('readRecipe: --set cannot reach a prototype', async () => {
  expect(await mistakesOf(GOOD, { sets: ['__proto__.polluted=1'] })).toEqual(['--set takes section.key=value: got "__proto__.polluted=1"']);
  await mistakesOf(GOOD, { sets: ['constructor.prototype.polluted=1'] });
  expect('polluted' in {}).toBe(false);
});

test('readRecipe: paths are relative to the recipe; s3 and generated images are left alone', async () => {
  const file = await written(
    'name: cells\nimages: {train: {folder: flat, labels: flat/labels.csv}, test: s3://bucket/test, unlabelled: [{generated: shapes, perClass: 2}]}\n',
  );
  const { images } = await readRecipe(file, {});
  const folder = join(file, '..');
  expect(images.train).toEqual({ folder: join(folder, 'flat'), labels: join(folder, 'flat/labels.csv') });
  expect([images.test, images.unlabelled]).toEqual(['s3://bucket/test', [{ generated: 'shapes', perClass: 2, labelled: true }]]);
});

test('readRecipe: a section whose keys are all commented out has its defaults', async () => {
  expect((await readRecipe(await written(`${GOOD}distill:\n  # epochs: 3\n`), {})).distill.epochs).toBe(20);
});

test('runId: the same recipe written in another way has the same id, another setting another one', async () => {
  const file = await written(`${GOOD}seed: 1\n`);
  const id = runId(await readRecipe(file, {}));
  await writeFile(file, '# a comment\nseed: 1\nimages:\n  train: "data/train"\nname: cells\npretrain: {epochs: 20}\n'); // 20 is the default
  expect(runId(await readRecipe(file, {}))).toBe(id);
  expect(runId(await readRecipe(file, {}, ['seed=2']))).not.toBe(id);
  expect(id).toMatch(/^cells-[0-9a-f]{8}$/);
});
