import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { init, nameFrom } from '../../cli/commands/init.ts';
import { readRecipe } from '../../cli/recipe-file.ts';
import { fractionsFor } from '../../cli/recipe-text.ts';
import type { Context } from '../../cli/terminal.ts';

const said: string[] = [];
const context: Context = {
  terminal: {
    say: (...lines) => void said.push(...lines),
    print: (...lines) => void said.push(...lines),
    record: () => undefined,
    live: false,
  },
  variables: {},
  environment: { TEMPORAL_NAMESPACE: 'x', S3_BUCKET: 'xxx', AWS_REGION: 'x', FEWLABELS_LOG: 'info' },
  catchInterrupt: () => new AbortController().signal,
};

async function folderOf(classes: Record<string, number>, inside = ''): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'fewlabels-test-'));
  for (const [name, count] of Object.entries(classes)) {
    await mkdir(join(root, inside, name), { recursive: true });
    for (let i = 0; i < count; i++) {
      await sharp({ create: { width: 120, height: 90, channels: 3, background: { r: i, g: 0, b: 0 } } })
        .png()
        .toFile(join(root, inside, name, `${i}.png`));
    }
  }
  return root;
}

test('init: a folder of classes gives a recipe that `check` accepts, its paths relative to it', async () => {
  const root = await folderOf({ cat: 6, 'dog: #2': 5 }, 'train');
  const file = join(root, 'mine.yaml');
  await init(context, root, { output: file });
  const recipe = await readRecipe(file, {});
  expect([recipe.images.train, recipe.images.test, recipe.images.size]).toEqual([join(root, 'train'), undefined, 48]);
  expect(said).toContain('11 labelled images of 2 classes found: cat, dog: #2');
});

test('init: a flat folder with a table of labels, and a test folder beside training, are found', async () => {
  const flat = await folderOf({ '.': 4 });
  await writeFile(join(flat, 'labels.csv'), 'file,label\n0.png,a\n1.png,b\n2.png,a\n3.png,b\n');
  await init(context, flat, { output: join(flat, 'flat.yaml') });
  expect((await readRecipe(join(flat, 'flat.yaml'), {})).images.train).toEqual({ folder: flat, labels: join(flat, 'labels.csv') });

  const both = await folderOf({ 'train/a': 2, 'train/b': 2, 'test/a': 1, unlabeled: 1 });
  await init(context, both, { output: join(both, 'both.yaml') });
  const { images } = await readRecipe(join(both, 'both.yaml'), {});
  expect([images.test, images.unlabelled]).toEqual([join(both, 'test'), [join(both, 'unlabeled')]]);
});

test('init: a folder that is no class and no training, test or unlabelled images is told to be of no use', async () => {
  const root = await folderOf({ 'train/a': 2, 'train/b': 2, 'test/a': 1, 'val/a': 1 });
  said.length = 0;
  await init(context, root, { output: join(root, 'mine.yaml') });
  expect((await readRecipe(join(root, 'mine.yaml'), {})).images.test).toBe(join(root, 'test'));
  expect(said).toContain('Not used: val');
});

test.each(['unlabelled', 'test'])('init: a folder %s beside folders of classes could be one, and is asked about', async (name) => {
  const root = await folderOf({ a: 2, b: 2, [name]: 2 });
  await expect(init(context, root, { output: '/dev/null' })).rejects.toThrow(
    `Cannot tell whether "${join(root, name)}" is a class: beside folders of classes it would be one. Put the classes into a folder train`,
  );
});

test('init: a file that is there is not overwritten', async () => {
  const root = await folderOf({ a: 2, b: 2 });
  const file = join(root, 'mine.yaml');
  await writeFile(file, 'precious');
  await expect(init(context, root, { output: file })).rejects.toThrow(/nothing is overwritten/);
  expect(await readFile(file, 'utf8')).toBe('precious');
});

test('init: a folder of one class, and no folder at all, are refused', async () => {
  await expect(init(context, await folderOf({ only: 3 }), { output: '/dev/null' })).rejects.toThrow(/two classes/);
  await expect(init(context, '/no/such/folder', {})).rejects.toThrow(/there is no such folder/);
});

test('fractionsFor: shares that leave each class four images or more, and all', () => {
  expect(fractionsFor(5000, 500)).toEqual([0.01, 0.05, 1]);
  expect(fractionsFor(1200, 150)).toEqual([0.05, 0.1, 1]); // 1 % of 150 would be one or two
  expect(fractionsFor(40, 4)).toEqual([1]);
});

test('nameFrom: any folder name becomes a name that a recipe may have', () => {
  expect(['My Images (2024)', 'Zellfärbung', '細胞', '-'].map(nameFrom)).toEqual([
    'my-images-2024',
    'zellfarbung',
    'my-images',
    'my-images',
  ]);
});
