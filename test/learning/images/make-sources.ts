/** Real image files in a fresh folder, for the tests beside this file. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { afterAll, expect } from 'vitest';
import type { RecipeInput } from '../../../contracts/recipe.ts';
import { Recipe } from '../../../contracts/recipe.ts';

export const golden = new URL('golden/', import.meta.url).pathname;

/** A folder that goes away after the tests of this file. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'fewlabels-images-'));
  afterAll(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Write files below a folder, making sub-folders; gives the folder back. */
export async function put(folder: string, files: Record<string, string | Uint8Array>): Promise<string> {
  await mkdir(folder, { recursive: true });
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
  return folder;
}

export type Colour = [number, number, number];

/** One colour all over. */
export const plain = ([r, g, b]: Colour, width = 8, height = width) =>
  sharp({ create: { width, height, channels: 3, background: { r, g, b } } });

export const png = (colour: Colour = [200, 30, 60]): Promise<Buffer> => plain(colour).png().toBuffer();

/** `count` different PNG files named `<prefix>0.png`, …. */
export async function pngs(prefix: string, count: number): Promise<Record<string, Buffer>> {
  const files: Record<string, Buffer> = {};
  for (let i = 0; i < count; i++) files[`${prefix}${i}.png`] = await png([i, 2 * i, prefix.length]);
  return files;
}

/** CIFAR-10's binary format: record i has this label, red all `10 i`, green `10 i + 1`, blue `10 i + 2`. */
export function cifarBatch(labels: number[]): Buffer {
  const records = labels.map((label, i) =>
    Buffer.concat([Buffer.from([label]), ...[0, 1, 2].map((channel) => Buffer.alloc(1024, 10 * i + channel))]),
  );
  return Buffer.concat(records);
}

/** The images section of a recipe with its defaults. */
export const imagesOf = (images: RecipeInput['images']): Recipe['images'] => Recipe.parse({ name: 'test', images }).images;

export const refused = (work: Promise<unknown>) => expect(work).rejects;
