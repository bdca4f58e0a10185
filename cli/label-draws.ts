/** The label draws of a recipe, as its run will make them; images that turn out unreadable are still among them. */
import { type LabelDraw, labelDraws, type Recipe } from '../contracts/recipe.ts';
import { openFolder } from '../learning/images/file-tree.ts';
import { holdOut, holdOutToJudge } from '../learning/images/hold-out.ts';
import { drawLabels, labelsOfIds, readIds } from '../learning/images/labels.ts';
import type { ShardPlan } from '../learning/images/plan-format.ts';

/** `images`: with a label; `heldOut`: those of them kept for calibration; `rates`: learning rates that are tried on the rest. */
export type Drawn = LabelDraw & { images: number; heldOut: number; rates: number };

/** @returns every draw that the run will make. @throws Failure InvalidImages when a file of ids breaks its rules */
export async function drawnFrom(recipe: Recipe, { header, chunks }: ShardPlan): Promise<Drawn[]> {
  const imagesOf = (part: 'pool' | 'test') => chunks.filter(({ role }) => role === part).flatMap(({ images }) => images);
  const pool = imagesOf('pool');
  const labels = Int32Array.from(pool, ({ label }) => label);
  const ids = { pool: [pool.map(({ id }) => id)], test: [imagesOf('test').map(({ id }) => id)] };
  const labelled = labels.filter((label) => label >= 0).length;
  const drawn: Drawn[] = [];
  for (const draw of labelDraws(recipe.labels)) {
    const positions =
      'file' in draw
        ? await labelsOfIds(labels, ids, header.classes, draw.file, await readIds(draw.file, openFolder))
        : drawLabels(labels, header.classes.length, draw, recipe.seed);
    if (draw.draw > 0 && positions.length === labelled) continue; // the same ones as the first draw
    const { training, heldOut } = holdOut(labels, positions, recipe.labels.calibration, draw.draw, recipe.seed);
    const { alsoTry = [] } = recipe.finetune.baseline;
    const isTried = alsoTry.length > 0 && holdOutToJudge(labels, training, recipe.seed) !== undefined;
    drawn.push({ ...draw, images: positions.length, heldOut: heldOut.length, rates: isTried ? 1 + alsoTry.length : 0 });
  }
  return drawn;
}
