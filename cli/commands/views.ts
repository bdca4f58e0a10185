/** `fewlabels views RECIPE` */
import { writeFile } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { viewSettings } from '../../contracts/views.ts';
import type { OpenTree } from '../../learning/images/file-tree.ts';
import { planShards } from '../../learning/images/plan.ts';
import type { ShardPlan } from '../../learning/images/plan-format.ts';
import { readImage } from '../../learning/images/read-image.ts';
import { UnreadableImage } from '../../learning/images/unreadable.ts';
import { beforeTensorflow } from '../before-tensorflow.ts';
import { BadInput } from '../problem.ts';
import { readRecipe } from '../recipe-file.ts';
import type { Context } from '../terminal.ts';
import { treesOf } from '../trees.ts';
import type { Shown } from '../view-sheet.ts';

export type ViewsOptions = { output?: string; set?: string[] };

const IMAGES = 16;
/** Place of the training source among those of a plan. */
const TRAIN = 0;

/**
 * Write a picture of some images that the run would learn from, each with the views that its first epochs would see.
 * @throws BadInput, or Failure 'InvalidImages'
 */
export async function views(context: Context, file: string, { output, set }: ViewsOptions): Promise<void> {
  const { terminal, variables } = context;
  const picture = output ?? join(dirname(file), `${basename(file, extname(file))}-views.png`);
  if (!/\.png$/i.test(picture)) throw new BadInput(`Cannot write "${picture}" as a picture is a PNG: its name must end in .png`);
  const recipe = await readRecipe(file, variables, set);
  const { size } = recipe.images;
  const openTree = await treesOf(recipe, context);
  const plan = await planShards({ images: recipe.images, seed: recipe.seed, openTree });
  const images = await firstImages(plan, size, openTree);
  if (images.length === 0) throw new BadInput('Cannot draw views as an image of images.train must be readable: not one of them is');
  beforeTensorflow(variables);
  const { viewSheet, EPOCHS } = await import('../view-sheet.ts');
  await writeFile(picture, await viewSheet(images, viewSettings(recipe.views, size), recipe.seed, size)).catch((error: Error) => {
    throw new BadInput(`Cannot write "${picture}" as its folder must be writable: ${error.message}`);
  });
  terminal.say(`${images.length} images, one a row: first the image itself, then both of its views in each of the first ${EPOCHS} epochs`);
  terminal.print(picture);
}

/** The first images of the training source in the order of the shards, which is random; unreadable ones are left out, as from a shard. */
async function firstImages({ chunks }: ShardPlan, size: number, openTree: OpenTree): Promise<Shown[]> {
  const shown: Shown[] = [];
  for (const { role, images, sources } of chunks) {
    const access = sources[TRAIN];
    if (role !== 'pool' || !access) continue;
    for (const { id, at } of images.filter(({ source }) => source === TRAIN)) {
      const pixels = await readImage(access, at, size, openTree).catch((error: unknown) => {
        if (error instanceof UnreadableImage) return undefined;
        throw error;
      });
      if (pixels) shown.push({ id, pixels });
      if (shown.length === IMAGES) return shown;
    }
  }
  return shown;
}
