import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { readRecipe } from '../cli/recipe-file.ts';

const FOLDER = fileURLToPath(new URL('../recipes/', import.meta.url));
const files = (await readdir(FOLDER)).filter((name) => name.endsWith('.yaml'));

test.each(files)('recipes/%s: is right, is called by its name, and its first lines say what it is and how it is run', async (file) => {
  const recipe = await readRecipe(join(FOLDER, file), { FEWLABELS_DATA: '/data' });
  expect(recipe.name).toBe(basename(file, '.yaml'));
  const comment = (await readFile(join(FOLDER, file), 'utf8')).split(/^name:/m)[0] ?? '';
  expect(comment.split('\n').filter((line) => line.startsWith('#')).length).toBeGreaterThan(1);
  expect(comment).toContain(`npx fewlabels run recipes/${file}`);
});
