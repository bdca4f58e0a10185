import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { fewlabels } from './command.ts';
import { classes, type Files, folderWith, RECIPE } from './recipe-folder.ts';

const lineCount = (text: string) => text.trim().split('\n').length;

test.each([
  'run',
  'demo',
  'check',
  'views',
  'init',
  'list',
  'status',
  'cancel',
  'pause',
  'resume',
  'report',
  'predict',
  'export',
  'clean',
  'doctor',
  'up',
  'down',
  'worker',
])('fewlabels %s --help: says how it is used and ends with 0', async (name) => {
  const { status, out } = await fewlabels([name, '--help']);
  expect([status, out.split('\n')[0]]).toEqual([0, expect.stringMatching(new RegExp(`^Usage: fewlabels ${name}`))]);
});

test('fewlabels: wrong usage ends with 2', async () => {
  for (const args of [
    ['unknown'],
    ['run'],
    ['check', 'a.yaml', '--no-such-option'],
    ['list', '--limit', 'many'],
    ['worker', 'trainings'],
  ]) {
    const { status, out, err } = await fewlabels(args);
    expect([args, status, out]).toEqual([args, 2, '']);
    expect(err).toMatch(/^✖ /);
  }
});

test('fewlabels check: all mistakes of a recipe at once, with lines, and 2', async () => {
  const file = await folderWith(
    'name: cells\nimages: {train: images, size: 4}\npretrain:\n  temperature: -0.1\nlabels: {fractions: [2]}\n',
    {},
  );
  const { status, out, err } = await fewlabels(['check', file]);
  expect([status, out]).toEqual([2, '']);
  expect(err.trim().split('\n')).toEqual([
    '✖ images.size must be ≥ 8: got 4 (recipe.yaml:2)',
    '✖ pretrain.temperature must be > 0: got -0.1 (recipe.yaml:4)',
    '✖ labels.fractions[0] must be ≤ 1: got 2 (recipe.yaml:5)',
  ]);
});

const BAD_IMAGES: [string, string, Files, RegExp][] = [
  ['an empty folder', RECIPE, {}, /images/],
  ['a folder that is not there', 'name: cells\nimages: {train: nowhere}\n', {}, /nowhere/],
  ['a class with one image', RECIPE, classes({ cat: 5, dog: 1 }), /"dog" has 1/],
  [
    'a table that names missing files',
    'name: cells\nimages: {train: {folder: images, labels: images/labels.csv}}\n',
    { 'images/a.png': 'image', 'images/labels.csv': 'file,label\na.png,cat\nb.png,dog\n' },
    /b\.png/,
  ],
  [
    'a test class that training never saw',
    'name: cells\nimages: {train: images, test: test}\n',
    { ...classes({ cat: 3, dog: 3 }), 'test/cow/1.png': 'image' },
    /"cow"/,
  ],
];

test.each(BAD_IMAGES)('fewlabels run, check: %s is one message and 2, and nothing is started', async (_what, recipe, files, message) => {
  const file = await folderWith(recipe, files);
  for (const command of ['check', 'run']) {
    const { status, out, err } = await fewlabels([command, file]);
    expect([command, status, out, lineCount(err)]).toEqual([command, 2, '', 1]);
    expect(err).toMatch(/^✖ Cannot /);
    expect(err).toMatch(message);
  }
});

test('fewlabels run, check: everything that is not there is told at once, before anything else', async () => {
  const file = await folderWith(
    'name: cells\nimages: {train: images, test: no-test, unlabelled: [s3://bucket/more, no-more]}\nlabels: {file: no-ids.txt}\npretrain: {start: no-start.safetensors}\n',
    classes({ cat: 3, dog: 3 }),
  );
  for (const command of ['check', 'run']) {
    const { status, out, err } = await fewlabels([command, file]);
    expect([command, status, out]).toEqual([command, 2, '']);
    const keys = ['images.test', 'images.unlabelled[1]', 'labels.file', 'pretrain.start'];
    for (const key of keys) expect(err).toContain(`✖ Cannot read ${key} as it must exist: "`);
    expect(lineCount(err)).toBe(keys.length);
  }
});

test('fewlabels check: mistakes of images and of labels are told together', async () => {
  const file = await folderWith('name: cells\nimages: {train: images}\nlabels: {file: no-ids.txt}\n', classes({ cat: 3, dog: 1 }));
  const { status, err } = await fewlabels(['check', file]);
  expect([status, lineCount(err)]).toEqual([2, 2]);
  for (const text of ['Cannot read labels.file', '"dog" has 1']) expect(err).toContain(text);
});

test('fewlabels check: of sources on both sides those on this machine are looked at', async () => {
  const recipe = 'name: cells\nimages: {train: images, unlabelled: [s3://bucket/more]}\n';
  const good = await fewlabels(['check', await folderWith(recipe, classes({ cat: 3, dog: 2 }))]);
  expect([good.status, good.out]).toEqual([
    0,
    expect.stringMatching(/s3:\/\/ are looked at when the run starts\n {2}.*images: 5 images, 2 classes\n/),
  ]);
  const empty = await fewlabels(['check', await folderWith(recipe, {})]);
  expect([empty.status, empty.err]).toEqual([2, expect.stringMatching(/^✖ Cannot .*images.*\n$/)]);
});

test('fewlabels check: counts per class, the split, and the images that cannot be read', async () => {
  const files: Files = { ...classes({ cat: 10, dog: 10 }), 'images/dog/text.png': 'this is no image' };
  const file = await folderWith(`${RECIPE.replace('images: {', 'images: {setAsideLimit: 0.5, ')}labels: {fractions: [0.5, 1]}\n`, files);
  const { status, out } = await fewlabels(['check', file]);
  expect(status).toBe(0);
  expect(out).toMatch(/17 images to learn from, 17 of them labelled; 4 test images \(20 % of each class, split off\); 2 classes/);
  expect(out).toMatch(/^cat +8 +2$/m);
  expect(out).toContain(
    'Views: written ahead by data workers, under 0.1 GB in the store at once (within the 20 GB of views.storeGigabytes)',
  );
  expect(out).toMatch(/1 of the 21 images looked at cannot be read/);
  const { out: text } = await fewlabels(['check', file, '--json']);
  expect(JSON.parse(text)).toMatchObject({
    classes: [
      { name: 'cat', learn: 8, test: 2 },
      { name: 'dog', learn: 9, test: 2 },
    ],
    looked: { unreadable: [{ image: expect.stringContaining('text.png') }] },
  });
});

test('fewlabels: a mistyped option names the nearest one', async () => {
  expect((await fewlabels(['check', 'a.yaml', '--jsn'])).err).toContain("✖ unknown option '--jsn' (Did you mean --json?)\n");
});

test('fewlabels check: labels by count and by a file of ids; ids that are not there are one message and 2', async () => {
  const ids = { 'ids.txt': Buffer.from('cat/0.png\ndog/1.png\n'), 'few.txt': Buffer.from('cat/0.png\n') };
  const file = await folderWith(RECIPE.replace('{train', '{test: test, train'), {
    ...classes({ cat: 10, dog: 10 }),
    'test/cat/1.png': 'image',
    ...ids,
  });
  const check = (...sets: string[]) => fewlabels(['check', file, ...sets.flatMap((set) => ['--set', set])]);
  expect((await check('labels.perClass=[3, 50]', 'labels.draws=2')).out).toMatch(
    /Labels used\n {2}3 a class: 6 labelled images, 2 draws\n {2}50 a class: 20 labelled images, all there are: one draw\n/,
  );
  expect((await check('labels.file=ids.txt')).out).toContain('  ids.txt: 2 labelled images\n');
  const { status, err } = await check('labels.file=few.txt');
  expect([status, err]).toEqual([2, expect.stringMatching(/^✖ Cannot take labels from ".*few\.txt" as .*"dog"\n$/)]);
  const every = Array.from({ length: 10 }, (_, i) => `./cat/${i}.png\n./dog/${i}.png\n`).join('');
  const split = await folderWith(RECIPE, { ...classes({ cat: 10, dog: 10 }), 'every.txt': every });
  const refused = await fewlabels(['check', split, '--set', 'labels.file=every.txt']);
  expect([refused.status, refused.err]).toEqual([2, expect.stringContaining('4 of 20 are not')]);
  expect(refused.err).toContain('4 of them are test images: where images.test names none, images.testFraction of each class are');
});

test('fewlabels check: counts all trainings on labels, and what is kept for calibration', async () => {
  const file = await folderWith('name: shapes\nimages: {train: {generated: shapes, perClass: 105}, size: 16}\n', {});
  const check = async (...sets: string[]) => (await fewlabels(['check', file, ...sets.flatMap((set) => ['--set', set])])).out;
  const usual = await check('labels={fractions: [0.1, 1]}');
  expect(usual).toContain('4 trainings on labels (2 classifiers, 2 baselines), 2 students');
  expect(usual).not.toContain('calibration');
  const all = await check(
    'labels={fractions: [0.1, 1], calibration: 0.2}',
    'distill={teachers: 3, student: {width: 0.25}}',
    'finetune.baseline.alsoTry=[0.2, 0.4]',
  );
  expect(all).toContain('10 trainings on labels (6 classifiers, 2 baselines, 2 baselines of the student’s size), 2 students'); // 402 to train on are too few to try rates
  expect(all).toMatch(/10 %: 48 labelled images; too few to keep any for calibration\n/);
  expect(all).toMatch(/100 %: 504 labelled images; 102 of them kept for calibration\n/);
  const tried = await check('labels={fractions: [1]}', 'distill={student: {width: 0.25}}', 'finetune.baseline.alsoTry=[0.2, 0.4]');
  expect(tried).toContain('9 trainings on labels (1 classifier, 1 baseline, 1 baseline of the student’s size, 6 tries of rates)');
});

test('fewlabels check, run: what labels are too few for is said before anything starts', async () => {
  const file = await folderWith(`${RECIPE}finetune: {stopping: {patience: 3}}\n`, classes({ cat: 10, dog: 10 }));
  const line = 'With all labels: no early stopping, as 25 labelled images of every class are needed: of "cat" there are 8\n';
  expect((await fewlabels(['check', file])).out).toContain(line);
  expect((await fewlabels(['run', file], { TEMPORAL_ADDRESS: '127.0.0.1:1' })).err).toMatch(
    new RegExp(`${line}✖ Cannot use the Temporal server`),
  );
});

test('fewlabels check, run: a memory above the images there are is refused', async () => {
  const file = await folderWith(RECIPE, classes({ cat: 10, dog: 10 }));
  for (const command of ['check', 'run']) {
    const { status, err } = await fewlabels([command, file, '--set', 'pretrain.memory.size=16']);
    expect([status, err]).toEqual([
      2,
      expect.stringMatching(/^✖ pretrain\.memory\.size must be below the 16 images to learn from, .* got 16 \(--set\)\n$/),
    ]);
  }
});

test.each([
  // 16 images · 20 epochs · 2 views · 32² · 3 bytes = 2.0 MB
  [
    'views.storeGigabytes=0.001',
    'rendered while training (written ahead, under 0.1 GB in the store at once, they would be above the 0.001 GB',
  ],
  ['views.where=device', 'rendered while training (views.where: device)'],
])('fewlabels check: says who renders the views and why: %s', async (setting, text) => {
  const file = await folderWith(RECIPE, classes({ cat: 10, dog: 10 }));
  expect((await fewlabels(['check', file, '--set', setting])).out).toContain(`Views: ${text}`);
});

test('fewlabels check: too many unreadable images are bad input', async () => {
  const file = await folderWith(RECIPE, { ...classes({ cat: 5, dog: 5 }), 'images/dog/text.png': 'this is no image' });
  const { status, err } = await fewlabels(['check', file]);
  expect([status, err]).toEqual([2, expect.stringContaining('above images.setAsideLimit (5 %)')]);
});

test('fewlabels init: writes a recipe that check accepts', async () => {
  const file = await folderWith('', classes({ cat: 6, dog: 6 }));
  const written = join(file, '../cells.yaml');
  expect((await fewlabels(['init', join(file, '../images'), '--output', written])).status).toBe(0);
  expect((await fewlabels(['check', written])).status).toBe(0);
  expect((await fewlabels(['init', join(file, '../images'), '--output', written])).status).toBe(2);
});

test('fewlabels list, status, cancel, report: without servers one message and 1', async () => {
  for (const args of [['list'], ['status', 'x'], ['cancel', 'x'], ['report', 'x']]) {
    const { status, out, err } = await fewlabels(args);
    expect([args, status, out, lineCount(err)]).toEqual([args, 1, '', 1]);
    expect(err).toMatch(/^✖ Cannot .*npx fewlabels up/);
  }
});

test('fewlabels run: a Temporal server that does not answer is one message and 1', async () => {
  const server = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  const file = await folderWith(RECIPE, classes({ cat: 3, dog: 3 }));
  const address = `127.0.0.1:${port}`;
  const { status, err } = await fewlabels(['run', file], { TEMPORAL_ADDRESS: address });
  server.close();
  expect([status, err]).toEqual([1, expect.stringMatching(`^✖ Cannot use the Temporal server at ${address} as it must answer`)]);
}, 30_000);

test('fewlabels: a wrong variable of the environment is bad input', async () => {
  const { status, err } = await fewlabels(['list'], { FEWLABELS_LOG: 'loud' });
  expect([status, err]).toEqual([2, expect.stringMatching(/^✖ Cannot read the environment .*:\n {2}FEWLABELS_LOG: .*\n$/)]);
});
