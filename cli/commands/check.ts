/** `fewlabels check RECIPE` */
import { availableParallelism } from 'node:os';
import { isTeachersSize } from '../../contracts/architecture.ts';
import { labelDraws, type Recipe } from '../../contracts/recipe.ts';
import { viewsGigabytes, viewsWhere } from '../../contracts/segments.ts';
import { countsOf } from '../../learning/images/by-class.ts';
import { openFolder } from '../../learning/images/file-tree.ts';
import type { ShardPlan } from '../../learning/images/plan-format.ts';
import { accuracyText, count, isShare, percent, sharesOf, shareText } from '../../report/summary.ts';
import { secondsFor, workOf } from '../estimate.ts';
import { type Drawn, withoutLines } from '../label-draws.ts';
import { lookAhead } from '../look-ahead.ts';
import { BadInput } from '../problem.ts';
import { readPlaced, runId } from '../recipe-file.ts';
import { type Looked, lookAtSome } from '../sample.ts';
import { sourcesOf, sourceText } from '../sources.ts';
import { roundedTime } from '../stage-rows.ts';
import { type Context, columns } from '../terminal.ts';

/** Say what the recipe would do, without starting anything. @throws BadInput, or Failure 'InvalidImages' */
export async function check(context: Context, file: string, options: { json?: boolean; set?: string[] }): Promise<void> {
  const { terminal } = context;
  const placed = await readPlaced(file, context.variables, options.set);
  const { recipe } = placed;
  const run = runId(recipe);
  const ahead = await lookAhead(placed, context.variables);
  if ('listed' in ahead) {
    if (options.json) return terminal.print(JSON.stringify({ run, images: sourcesOf(recipe).map(sourceText), listed: ahead.listed }));
    const here = ahead.listed.map(
      ({ source, images, classes }) => `  ${source}: ${count(images)} images${classes > 0 ? `, ${classes} classes` : ''}`,
    );
    return terminal.print(`The recipe is right; its run is ${run}. Files under s3:// are looked at when the run starts`, ...here);
  }
  const { plan, draws } = ahead;
  const { pool, test } = plan.header;
  if (pool.images + test.images > FEW_IMAGES) terminal.say('Reading some of the images, to see whether they can be read …');
  const looked = await lookAtSome(plan, recipe.images.size, openFolder);
  const { precisionHere } = await import('../../workers/hardware.ts');
  const facts = factsOf(recipe, run, plan, draws, looked, precisionHere(recipe.compute.precision, false));
  if (options.json) terminal.print(JSON.stringify(facts));
  else terminal.print(...describe(recipe, facts));
  const share = looked.unreadable.length / Math.max(1, looked.images);
  if (share > recipe.images.setAsideLimit) {
    throw new BadInput(
      `${accuracyText(share)} of the images cannot be read, which is above images.setAsideLimit (${percent(recipe.images.setAsideLimit)})`,
    );
  }
}

/** Read in no time. */
const FEW_IMAGES = 200;

type Facts = ReturnType<typeof factsOf>;

function factsOf(recipe: Recipe, run: string, plan: ShardPlan, draws: Drawn[], looked: Looked, precision: 'float32' | 'bfloat16') {
  const { classes, pool, test, size } = plan.header;
  const [learn, tested] = [countsOf(plan.labelsOf('pool'), classes.length), countsOf(plan.labelsOf('test'), classes.length)];
  const work = workOf(recipe, pool.images, draws);
  const seconds = secondsFor(work.pretrain + work.labels + work.distill, recipe.encoder.width, availableParallelism(), precision);
  return {
    run,
    classes: classes.map((name, c) => ({ name, learn: learn[c] ?? 0, test: tested[c] ?? 0 })),
    pool,
    test,
    size,
    draws,
    views: { where: viewsWhere(recipe, pool.images, size), gigabytes: viewsGigabytes(recipe.pretrain, pool.images, size) },
    looked,
    estimate: { seconds: Math.round(seconds), cores: availableParallelism() },
  };
}

const CLASSES_SHOWN = 40;

function describe(recipe: Recipe, { run, classes, pool, test, size, draws, views, looked, estimate }: Facts): string[] {
  const split = recipe.images.test ? sourceText(recipe.images.test) : `${percent(recipe.images.testFraction)} of each class, split off`;
  const rows = classes.slice(0, CLASSES_SHOWN).map(({ name, learn, test: tested }) => [name, count(learn), count(tested)]);
  const more = classes.length > CLASSES_SHOWN ? [`… and ${classes.length - CLASSES_SHOWN} more classes`] : [];
  const perShare = sharesOf(draws).map((share) => {
    const group = draws.filter((draw) => isShare(draw, share));
    const asked = labelDraws(recipe.labels).filter((draw) => isShare(draw, share)).length;
    const often = asked > group.length ? ', all there are: one draw' : asked > 1 ? `, ${asked} draws` : '';
    const { images = 0, heldOut = 0 } = group[0] ?? {};
    return `  ${shareText(share).padStart(5)}: ${count(images)} labelled images${often}${keptText(recipe.labels.calibration, heldOut)}`;
  });
  const unreadable = looked.unreadable.slice(0, 10).map(({ image, reason }) => `  ${image}: ${reason}`);
  return [
    `The recipe is right; its run is ${run}`,
    '',
    `${count(pool.images)} images to learn from, ${count(pool.labelled)} of them labelled; ${count(test.images)} test images (${split}); ${classes.length} classes; kept at ${size} px`,
    '',
    ...columns([['class', 'to learn from', 'test'], ...rows], [1, 2]),
    ...more,
    '',
    'Labels used',
    ...perShare,
    ...withoutLines(draws),
    '',
    `Would run: ${pool.shards + test.shards} shards, ${recipe.pretrain.epochs} epochs of pretraining, ${trainingsText(recipe, draws)}, ${draws.length} students of ${recipe.distill.epochs} epochs`,
    viewsText(recipe.views, views),
    `Time: perhaps ${roundedTime(estimate.seconds)} on the ${estimate.cores} cores of this machine (a guess from the size of the network)`,
    '',
    looked.unreadable.length === 0
      ? `All of the ${count(looked.images)} images looked at can be read`
      : `${count(looked.unreadable.length)} of the ${count(looked.images)} images looked at cannot be read and would be set aside:`,
    ...unreadable,
  ];
}

function keptText(calibration: number, heldOut: number): string {
  if (calibration === 0) return '';
  return heldOut > 0 ? `; ${count(heldOut)} of them kept for calibration` : '; too few to keep any for calibration';
}

/** `4 trainings on labels (2 classifiers, 2 baselines)` */
function trainingsText({ encoder, distill }: Recipe, draws: Drawn[]): string {
  const networks = isTeachersSize(encoder, distill.student) ? 1 : 2;
  const kinds: [number, one: string, several: string][] = [
    [draws.length * (distill.teachers ?? 1), 'classifier', 'classifiers'],
    [draws.length, 'baseline', 'baselines'],
    [draws.length * (networks - 1), 'baseline of the student’s size', 'baselines of the student’s size'],
    [draws.reduce((sum, { rates }) => sum + networks * rates, 0), 'try of a rate', 'tries of rates'],
  ];
  const parts = kinds.filter(([number]) => number > 0).map(([number, one, several]) => `${count(number)} ${number === 1 ? one : several}`);
  return `${count(kinds.reduce((sum, [number]) => sum + number, 0))} trainings on labels (${parts.join(', ')})`;
}

/** Who renders the views, and why. */
function viewsText({ where: asked, storeGigabytes }: Recipe['views'], { where, gigabytes }: Facts['views']): string {
  const amount = `${gigabytes < 0.1 ? 'under 0.1' : `up to ${count(Number(gigabytes.toPrecision(2)))}`} GB in the store at once`;
  const who = where === 'device' ? 'rendered while training' : `written ahead by data workers, ${amount}`;
  if (asked !== 'auto') return `Views: ${who} (views.where: ${asked})`;
  const budget = `the ${count(storeGigabytes)} GB of views.storeGigabytes`;
  return `Views: ${who} (${where === 'device' ? `written ahead, ${amount}, they would be above ${budget}` : `within ${budget}`})`;
}
