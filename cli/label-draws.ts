/** The label draws of a recipe, as its run will make them; images that turn out unreadable are still among them. */
import { type LabelDraw, labelDraws, type Recipe } from '../contracts/recipe.ts';
import { openFolder } from '../learning/images/file-tree.ts';
import { holdOut, splitToJudge } from '../learning/images/hold-out.ts';
import { drawLabels, labelsOfIds, readIds } from '../learning/images/labels.ts';
import type { ShardPlan } from '../learning/images/plan-format.ts';
import { isShare, labelsText, sharesOf } from '../report/summary.ts';

/**
 * `images`: with a label; `heldOut`: those of them kept for calibration; `learnt`: those that trainings learn from; `rates`: learning rates
 * that are tried on them; `without`: what the recipe asks for and too few labels cannot give, with the reason.
 */
export type Drawn = LabelDraw & { images: number; heldOut: number; learnt: number; rates: number; without: string[] };

/** @returns every draw that the run will make. @throws Failure InvalidImages when a file of ids breaks its rules */
export async function drawnFrom(recipe: Recipe, { header, chunks, labelsOf }: ShardPlan): Promise<Drawn[]> {
  const labels = labelsOf('pool');
  const idsOf = function* (part: 'pool' | 'test') {
    for (const { role, images } of chunks) if (role === part) yield images.map(({ id }) => id);
  };
  const asked = labelDraws(recipe.labels);
  const mostLabels = asked.findLast(({ draw }) => draw === 0);
  const drawn: Drawn[] = [];
  for (const draw of asked) {
    const positions =
      'file' in draw
        ? await labelsOfIds(
            labels,
            { pool: idsOf('pool'), test: idsOf('test') },
            header.classes,
            draw.file,
            await readIds(draw.file, openFolder),
          )
        : drawLabels(labels, header.classes.length, draw, recipe.seed);
    if (draw.draw > 0 && positions.length === header.pool.labelled) continue; // the same ones as the first draw
    const { training, heldOut } = holdOut(labels, positions, recipe.labels.calibration, draw.draw, recipe.seed);
    const split = (from: Int32Array, share?: number) => splitToJudge(labels, from, header.classes, recipe.seed, share);
    drawn.push({ ...draw, images: positions.length, heldOut: heldOut.length, ...splitsOf(recipe, training, draw === mostLabels, split) });
  }
  return drawn;
}

/** What is held out of the labels of one draw, one after the other, or why it cannot be. @param isProbed  whether looks take these labels */
function splitsOf(
  { pretrain, finetune: { stopping, baseline } }: Recipe,
  drawn: Int32Array,
  isProbed: boolean,
  split: (from: Int32Array, share?: number) => ReturnType<typeof splitToJudge>,
): Pick<Drawn, 'learnt' | 'rates' | 'without'> {
  const { alsoTry = [] } = baseline;
  const looks = isProbed && pretrain.probeEpochs > 0 ? split(drawn) : undefined;
  const stops = stopping.patience > 0 ? split(drawn, stopping.holdOut) : undefined;
  const learnt = stops?.parts?.training ?? drawn;
  const tries = alsoTry.length > 0 ? split(learnt) : undefined;
  const asked = [
    ['no probe while pretraining', looks],
    ['no early stopping', stops],
    ['one learning rate only for baselines', tries],
  ] as const;
  return {
    learnt: learnt.length,
    rates: tries?.parts ? 1 + alsoTry.length : 0,
    without: asked.flatMap(([what, answer]) => (answer?.why ? [`${what}, as ${answer.why}`] : [])),
  };
}

/** What labels are too few for, a line a share of them; none where all that the recipe asks for can be had. */
export function withoutLines(draws: Drawn[]): string[] {
  return sharesOf(draws).flatMap((share) => {
    const { without = [] } = draws.find((draw) => isShare(draw, share)) ?? {};
    return without.length > 0 ? [`With ${labelsText(share)}: ${without.join('; ')}`] : [];
  });
}
