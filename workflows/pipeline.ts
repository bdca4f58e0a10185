/**
 * The pipeline:
 *
 *     images → shards → views → representation → classifier → student → report
 *              (CPU)    (CPU)   (no labels)      (few labels) (no labels again)
 *
 * Its one argument is the recipe as JSON, so that a run can be started from the command line, the Temporal UI or another program.
 */
import { ApplicationFailure, workflowInfo } from '@temporalio/workflow';
import { labelDraws, Recipe } from '../contracts/recipe.ts';
import { memoryMistake } from '../contracts/recipe-rules.ts';
import type { RunResult, Score } from '../contracts/scores.ts';
import { learnFromLabels, trainingsOf } from './label-draw.ts';
import { light } from './policies.ts';
import { pretrain } from './pretraining.ts';
import { type Carried, onPages, type Run, sideBySide } from './run.ts';
import { shardImages } from './shards.ts';

/** @param carried  only where a run goes on as a new workflow, its history having grown long: from itself */
export async function pipeline(input: unknown, carried?: Carried): Promise<RunResult> {
  return onPages(readRecipe(input), carried, fromImagesToReport);
}

async function fromImagesToReport(run: Run): Promise<RunResult> {
  const { recipe, tracker } = run;
  const draws = labelDraws(recipe.labels);

  const images = await run.once('images', shardImages);
  tracker.setAside(images.setAside);
  const mistake = memoryMistake(recipe, images.pool.images);
  if (mistake) throw refusal([mistake]);
  const representation = await run.once('representation', (part) => pretrain(part, images));
  tracker.expect('classifier', draws.length * trainingsOf(recipe));
  tracker.expect('student', draws.length * recipe.distill.epochs, recipe.distill.epochs);
  const learnt = await sideBySide(draws, (draw, i) =>
    run.once(`draw ${i + 1}`, (part) => learnFromLabels(part, images, representation, draw)),
  );
  const unordered = learnt.filter((model) => model !== undefined);
  const models = unordered.toSorted((a, b) => a.labelled - b.labelled); // fewest labels first, whatever they come from
  const scores = models.flatMap(({ evaluation }) => evaluation.scores);
  tracker.accuracy(headline(scores));

  tracker.expect('report', 1);
  const id = workflowInfo().workflowId;
  const report = await run.call(light.writeReport, 'write the report', {
    run: id,
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
    run: id,
    scores,
    setAside: images.setAside,
    warning: tracker.warning(),
    notes: tracker.notes(),
    report: { key: report.key, digest: report.digest },
    student: { key: student.key, digest: student.digest },
    representation: { key: representation.key, digest: representation.digest },
  };
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
