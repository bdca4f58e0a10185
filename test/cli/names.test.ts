/** What is called by names that would forge a line, steer the terminal or break a recipe. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readRecipe } from '../../cli/recipe-file.ts';
import { fewlabels } from './command.ts';
import { classes, folderWith, RECIPE } from './recipe-folder.ts';

/** What would show that a name reached the terminal as it is. */
const STEERS = /[\0-\t\v-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/;

test('fewlabels check: names of files and classes stay on their lines, as text', async () => {
  const [tag, hog, forged] = ['<img src=x onerror=alert(1)>', '🦔', '🦔/x\n✖ Your disk was erased.png'];
  const names = [forged, '🦔/a\u001b[2J.png', '🦔/cod\u202egnp.png', '🦔/a\u2028b.png'];
  const broken = Object.fromEntries(names.map((name) => [`images/${name}`, 'text']));
  const files = { ...classes({ [tag]: 10, [hog]: 10 }), ...broken };
  const file = await folderWith(RECIPE.replace('images: {', 'images: {setAsideLimit: 0.5, '), files);
  const { status, out, err } = await fewlabels(['check', file]);
  expect([status, err]).toEqual([0, '']);
  expect(out.split('\n')).toContain('  🦔/x\\n✖ Your disk was erased.png: it is not an image of a known format');
  for (const shown of ['\n<img src=x onerror=alert(1)>  ', '\n🦔  ', '🦔/a\\u001b[2J.png', '🦔/cod\\u202egnp.png', '🦔/a\\u2028b.png'])
    expect(out).toContain(shown);
  expect(out).not.toMatch(STEERS);
  const { looked } = JSON.parse((await fewlabels(['check', file, '--json'])).out) as { looked: { unreadable: { image: string }[] } };
  expect(looked.unreadable.map(({ image }) => image).sort()).toEqual(names.sort());
});

test('fewlabels: a name in a message of what is wrong is on its line', async () => {
  const forged = 'x\n✖ Your disk was erased\u202e';
  const file = await folderWith(RECIPE, classes({ cat: 5, [forged]: 1 }));
  for (const args of [
    ['check', file],
    ['check', `${forged}.yaml`],
    ['check', file, '--set', `images.train=${JSON.stringify(forged)}`],
    ['init', forged],
  ]) {
    const { status, out, err } = await fewlabels(args);
    expect([args, status, out]).toEqual([args, 2, '']);
    expect(err).toMatch(/^✖ .*x\\n✖ Your disk was erased\\u202e.*\n$/);
  }
  const { err } = await fewlabels(['predict', 'student', `--${forged}`]);
  expect(err).toBe("✖ unknown option '--x\\n✖ Your disk was erased\\u202e'\n(fewlabels --help shows how)\n");
});

test('fewlabels init: names of folders and classes stay what they are in the recipe, and on its lines', async () => {
  const folder = 'a, [b]: "c"\n# d \u202e';
  const file = await folderWith('', {
    ...Object.fromEntries(
      ['cat', 'x\nseed: 2'].flatMap((name) => [0, 1].map((i) => [`${folder}/train/${name}/${i}.png`, 'image' as const])),
    ),
    [`${folder}/unlabelled/1.png`]: 'image',
  });
  const written = join(file, '../cells.yaml');
  const { status, out, err } = await fewlabels(['init', join(file, '..', folder), '--output', written]);
  expect([status, out, err.split('\n').length]).toEqual([0, `${written}\n`, 5]);
  expect(await readFile(written, 'utf8')).not.toMatch(STEERS);
  const { images, seed } = await readRecipe(written, {});
  expect([images.train, images.unlabelled, seed]).toEqual([join(file, '..', folder, 'train'), [join(file, '..', folder, 'unlabelled')], 1]);
});
