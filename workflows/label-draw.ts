/** representation → classifier → student, for one draw of labels, beside the baselines that learn from the same labels alone. */
import { isTeachersSize, studentEncoder } from '../contracts/architecture.ts';
import type { ClassifierRef, ImagesRef, LabelsRef, RepresentationRef } from '../contracts/artifacts.ts';
import type { LabelDraw, LabelShare, Recipe } from '../contracts/recipe.ts';
import { segmentLength } from '../contracts/segments.ts';
import { trainBaseline } from './baseline.ts';
import { trainChain } from './chain.ts';
import { light, training } from './policies.ts';
import type { Run } from './run.ts';
import { epochsText } from './steps.ts';

/** @returns nothing where the draw takes all labels there are and is not the first: they would be the same ones */
export async function learnFromLabels(run: Run, images: ImagesRef, representation: RepresentationRef, draw: LabelDraw) {
  const { recipe, tracker, call, step } = run;
  const { encoder, views, finetune, distill, seed, compute } = recipe;
  const which = drawText(draw);
  const labels = await step(light.drawLabels, `draw ${which}`, { images, draw, seed, calibration: recipe.labels.calibration });
  if (draw.draw > 0 && labels.images + (labels.heldOut ?? 0) === images.pool.labelled) {
    tracker.forgo('classifier', trainingsOf(recipe));
    tracker.forgo('student', distill.epochs);
    return undefined;
  }
  const split = await splitToStop(run, images, labels, draw);
  const input = {
    images,
    labels: split ?? labels,
    stopped: split !== undefined,
    evaluationCrop: recipe.images.evaluationCrop,
    encoder,
    views,
    finetune,
    seed,
    compute,
  };

  const { baseline, rates } = await trainBaseline(run, input, `baseline from nothing on ${which}`, labelsText(draw));
  const small = { ...input, encoder: studentEncoder(encoder, distill.student), finetune: { ...finetune, fromHeadLayer: 0 } };
  const isOfTeachersSize = isTeachersSize(encoder, distill.student);
  const smallOne = isOfTeachersSize
    ? undefined
    : await trainBaseline(run, small, `baseline of the student's size on ${which}`, labelsText(draw));
  const finetuned = { ...input, representation };
  const teacher = await step(training.finetune, `fine-tune on ${which} (${labels.images} images)`, finetuned);
  tracker.advance('classifier');
  const otherTeachers: ClassifierRef[] = [];
  for (let i = 1; i < (distill.teachers ?? 1); i++) {
    otherTeachers.push(await step(training.finetune, `fine-tune teacher ${i + 1} on ${which}`, { ...finetuned, seed: seed + i }));
    tracker.advance('classifier');
  }

  const chain = { images, labels, teacher, otherTeachers, representation, encoder, views, distill, seed, compute };
  const student = await trainChain(run, {
    stage: 'student',
    found: { epochsDone: 0 },
    length: segmentLength(images.pool.images, 'auto'),
    epochs: distill.epochs,
    train: (segment) => call(training.distill, `distil ${which}: ${epochsText(segment, distill.epochs)}`, { ...chain, segment }),
  });

  const models = { baseline, smallBaseline: smallOne?.baseline, classifier: teacher, student };
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
    labels, // missing in what an older page of a run remembers
    ...models,
    evaluation,
    ...(rates ? { rates: { baseline: rates, smallBaseline: smallOne?.rates } } : {}),
  };
}

/** Trainings on the labels of one draw, rates to try aside: the baselines, and all teachers. */
export const trainingsOf = ({ encoder, distill }: Recipe): number =>
  (isTeachersSize(encoder, distill.student) ? 1 : 2) + (distill.teachers ?? 1);

/** The labels with some of them held out, by which trainings on the rest stop early; none where the recipe wants none or they are too few. */
async function splitToStop({ recipe, tracker, step }: Run, images: ImagesRef, labels: LabelsRef, draw: LabelDraw) {
  const { finetune, seed } = recipe;
  const { patience, holdOut: share } = finetune.stopping;
  if (patience === 0) return undefined;
  const { split, why } = await step(light.splitLabels, `hold labels out to stop by: ${drawText(draw)}`, { images, labels, seed, share });
  if (why) tracker.note(`No early stopping with ${labelsText(draw)}, as ${why}`);
  return split;
}

const drawText = (draw: LabelDraw): string => `${labelsText(draw)}, draw ${draw.draw + 1}`;

function labelsText(share: LabelShare): string {
  if ('fraction' in share) return `${Number((100 * share.fraction).toPrecision(3))} % of the labels`;
  return 'perClass' in share ? `${share.perClass} labels a class` : `the labels of ${share.file.split('/').at(-1)}`;
}
