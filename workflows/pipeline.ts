/**
 * The pipeline:
 *
 *     images → shards → views → representation → classifier → student → report
 *              (CPU)    (CPU)   (no labels)      (few labels) (no labels again)
 *
 * Its one argument is the recipe as JSON, so that a run can be started from the command line, the Temporal UI or another program.
 */
import { ApplicationFailure, workflowInfo } from '@temporalio/workflow';
import { isTeachersSize, studentEncoder } from '../contracts/architecture.ts';
import type { ClassifierRef, ImagesRef, LabelsRef, RepresentationRef } from '../contracts/artifacts.ts';
import { type LabelDraw, type LabelShare, labelDraws, Recipe } from '../contracts/recipe.ts';
import { memoryMistake } from '../contracts/recipe-rules.ts';
import type { RunResult, Score } from '../contracts/scores.ts';
import { trainBaseline } from './baseline.ts';
import { light, training } from './policies.ts';
import { pretrain } from './pretraining.ts';
import { type Tracker, trackRun } from './progress.ts';
import { shardImages } from './shards.ts';
import { call, epochsText, segmentsOf } from './steps.ts';

export async function pipeline(input: unknown): Promise<RunResult> {
  const recipe = readRecipe(input);
  const tracker = trackRun(recipe);
  const draws = labelDraws(recipe.labels);

  const images = await shardImages(recipe, tracker);
  tracker.setAside(images.setAside);
  const mistake = memoryMistake(recipe, images.pool.images);
  if (mistake) throw refusal([mistake]);
  const representation = await pretrain(recipe, images, tracker);
  tracker.expect('classifier', draws.length * trainingsOf(recipe));
  tracker.expect('student', draws.length * recipe.distill.epochs, recipe.distill.epochs);
  const learnt = await Promise.all(draws.map((draw) => learnFromLabels(recipe, images, representation, draw, tracker)));
  const unordered = learnt.filter((model) => model !== undefined);
  const models = unordered.toSorted((a, b) => a.labelled - b.labelled); // fewest labels first, whatever they come from
  const scores = models.flatMap(({ evaluation }) => evaluation.scores);
  tracker.accuracy(headline(scores));

  tracker.expect('report', 1);
  const run = workflowInfo().workflowId;
  const report = await call(light.writeReport, 'write the report', {
    run,
    recipe,
    images,
    representation,
    models: models.map(({ labelled, ...model }) => model),
    setAside: images.setAside,
    notes: tracker.notes(),
  });
  tracker.advance('report');
  const student = models.findLast(({ draw }) => draw.draw === 0)?.student ?? report;
  return {
    run,
    scores,
    setAside: images.setAside,
    warning: tracker.warning(),
    notes: tracker.notes(),
    report: { key: report.key, digest: report.digest },
    student: { key: student.key, digest: student.digest },
    representation: { key: representation.key, digest: representation.digest },
  };
}

/**
 * representation → classifier → student for one label draw, beside the baseline that learns from the same labels alone. Nothing where the
 * draw takes all labels there are and is not the first: they would be the same ones.
 */
async function learnFromLabels(recipe: Recipe, images: ImagesRef, representation: RepresentationRef, draw: LabelDraw, tracker: Tracker) {
  const { encoder, finetune, distill, seed, compute } = recipe;
  const which = drawText(draw);
  const labels = await call(light.drawLabels, `draw ${which}`, { images, draw, seed, calibration: recipe.labels.calibration });
  if (draw.draw > 0 && labels.images + (labels.heldOut ?? 0) === images.pool.labelled) {
    tracker.forgo('classifier', trainingsOf(recipe));
    tracker.forgo('student', distill.epochs);
    return undefined;
  }
  const split = await splitToStop(recipe, images, labels, draw, tracker);
  const input = {
    images,
    labels: split ?? labels,
    stopped: split !== undefined,
    encoder,
    finetune,
    seed,
    compute,
  };

  const { baseline, rates } = await trainBaseline(input, `baseline from nothing on ${which}`, labelsText(draw), tracker);
  const small = { ...input, encoder: studentEncoder(encoder, distill.student), finetune: { ...finetune, fromHeadLayer: 0 } };
  const isOfTeachersSize = isTeachersSize(encoder, distill.student);
  const smallOne = isOfTeachersSize
    ? undefined
    : await trainBaseline(small, `baseline of the student's size on ${which}`, labelsText(draw), tracker);
  const finetuned = { ...input, representation };
  const teacher = await call(training.finetune, `fine-tune on ${which} (${labels.images} images)`, finetuned);
  tracker.advance('classifier');
  const otherTeachers: ClassifierRef[] = [];
  for (let i = 1; i < (distill.teachers ?? 1); i++) {
    otherTeachers.push(await call(training.finetune, `fine-tune teacher ${i + 1} on ${which}`, { ...finetuned, seed: seed + i }));
    tracker.advance('classifier');
  }

  const segments = segmentsOf(distill.epochs, images.pool.images, 'auto');
  const chain = { images, labels, teacher, otherTeachers, representation, encoder, distill, seed, compute };
  let student: Awaited<ReturnType<typeof training.distill>> = { epochsDone: 0 };
  for (const segment of segments) {
    if (student.result) break;
    const before = student.epochsDone;
    student = await call(training.distill, `distil ${which}: ${epochsText(segment, distill.epochs)}`, { ...chain, segment });
    tracker.advance('student', student.epochsDone - before);
  }
  if (!student.result)
    throw ApplicationFailure.nonRetryable('Cannot finish distillation as its last segment gave no student', 'DataIntegrity');

  const models = { baseline, smallBaseline: smallOne?.baseline, classifier: teacher, student: student.result };
  const evaluation = await call(training.evaluate, `evaluate on ${images.test.images} test images: ${which}`, {
    images,
    draw,
    labels,
    evaluationCrop: recipe.images.evaluationCrop,
    representation,
    compute,
    graded: recipe.labels.graded,
    ...models,
  });
  return {
    draw,
    labelled: labels.images,
    ...models,
    evaluation,
    ...(rates ? { rates: { baseline: rates, smallBaseline: smallOne?.rates } } : {}),
  };
}

/** Trainings on the labels of one draw, rates to try aside: the baselines, and all teachers. */
const trainingsOf = ({ encoder, distill }: Recipe): number => (isTeachersSize(encoder, distill.student) ? 1 : 2) + (distill.teachers ?? 1);

/** The labels with some of them held out, by which trainings on the rest stop early; none where the recipe wants none or they are too few. */
async function splitToStop({ finetune, seed }: Recipe, images: ImagesRef, labels: LabelsRef, draw: LabelDraw, tracker: Tracker) {
  const { patience, holdOut: share } = finetune.stopping;
  if (patience === 0) return undefined;
  const { split, why } = await call(light.splitLabels, `hold labels out to stop by: ${drawText(draw)}`, { images, labels, seed, share });
  if (why) tracker.note(`No early stopping with ${labelsText(draw)}, as ${why}`);
  return split;
}

/** The recipe, checked again here: whoever started the run may not have. */
function readRecipe(input: unknown): Recipe {
  const parsed = Recipe.safeParse(input);
  if (parsed.success) return parsed.data;
  throw refusal(parsed.error.issues);
}

function refusal(issues: { path: PropertyKey[]; message: string }[]): ApplicationFailure {
  const mistakes = issues.map(({ path, message }) => `✖ ${path.join('.') || 'recipe'}: ${message}`);
  return ApplicationFailure.nonRetryable(
    `Cannot start as the recipe breaks ${mistakes.length} rule(s):\n${mistakes.join('\n')}`,
    'InvalidRecipe',
  );
}

/** Mean accuracy of the student with the most labels. */
function headline(scores: Score[]): number {
  const students = scores.filter(({ model }) => model === 'student');
  const most = Math.max(...students.map(({ images }) => images));
  const best = students.filter(({ images }) => images === most);
  return best.reduce((sum, { accuracy }) => sum + accuracy, 0) / best.length;
}

const drawText = (draw: LabelDraw): string => `${labelsText(draw)}, draw ${draw.draw + 1}`;

function labelsText(share: LabelShare): string {
  if ('fraction' in share) return `${Number((100 * share.fraction).toPrecision(3))} % of the labels`;
  return 'perClass' in share ? `${share.perClass} labels a class` : `the labels of ${share.file.split('/').at(-1)}`;
}
