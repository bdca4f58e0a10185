/** A recipe and real files in a fresh folder, for the tests beside this file. */
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';

export type Files = Record<string, string | 'image' | Buffer>;

/** A folder with a recipe and files; `image` stands for a small PNG. */
export async function folderWith(recipe: string, files: Files): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'fewlabels-test-'));
  const png = await sharp({ create: { width: 32, height: 32, channels: 3, background: '#336699' } })
    .png()
    .toBuffer();
  await mkdir(join(root, 'images'), { recursive: true });
  for (const [name, content] of Object.entries(files)) {
    await mkdir(join(root, name, '..'), { recursive: true });
    await writeFile(join(root, name), content === 'image' ? png : content);
  }
  const file = join(root, 'recipe.yaml');
  await writeFile(file, recipe);
  return file;
}

/** For classes in `images/`. */
export const RECIPE = 'name: cells\nimages: {train: images}\n';
/** So many images of each class in `images/`. */
export const classes = (counts: Record<string, number>): Files =>
  Object.fromEntries(
    Object.entries(counts).flatMap(([name, count]) =>
      Array.from({ length: count }, (_, i) => [`images/${name}/${i}.png`, 'image' as const]),
    ),
  );
