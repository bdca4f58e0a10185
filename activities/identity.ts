/**
 * What each artifact depends on: the recipe's slice and the digests of its inputs. Two runs that agree on these share the artifact.
 * Settings that change how the work is cut, spread or watched, but not its result, stay out (segment length, who renders the views,
 * checkpoint interval, threads, looks at the features meanwhile). An option that is off is undefined there, hence no part of the key: what was made before there was
 * such an option is found.
 */

import { classifierArchitecture, isTeachersSize, representationArchitecture, studentArchitecture } from '../contracts/architecture.ts';
import type { ImagesRef, LabelsRef, RepresentationRef, ShardSetRef, StageName } from '../contracts/artifacts.ts';
import { STAGES } from '../contracts/artifacts.ts';
import type { LabelDraw, Recipe } from '../contracts/recipe.ts';
import type { DistillInput, EvaluateInput, FinetuneInput, PretrainRecipe, Segment } from '../contracts/stages.ts';
import type { Architecture } from '../contracts/trainer.ts';
import { plainViews, viewSettings } from '../contracts/views.ts';
import { artifactKey, sha256 } from '../store/digest.ts';
import { PACK_IMAGES, packImages } from './packs.ts';

export type Identity = { stage: StageName; key: string; slice: unknown; inputs: string[] };

function identity(stage: StageName, slice: unknown, inputs: string[]): Identity {
  return { stage, slice, inputs, key: artifactKey({ stage, version: STAGES[stage].version, slice, inputs }) };
}

/** The bytes of the plan name the folders, so a folder that moved is planned again; its shards are found all the same. */
export const planOf = ({ setAsideLimit }: Recipe['images'], planDigest: string) => identity('plan', { setAsideLimit }, [planDigest]);
export const shardOf = (size: number, fingerprint: string, shard: number) => identity('shards', { size, shard }, [fingerprint]);
/** Pool and test set of one plan, sealed together. */
export const sealedOf = (plan: string) => identity('set', { sealed: true }, [plan]);
export const setOf = (classes: string[], size: number, shardDigests: string[]) => identity('set', { classes, size }, shardDigests);

/** @param own  the run that they are of alone; shared by all runs where it is missing */
export function viewsOf(
  shardDigest: string,
  size: number,
  views: Recipe['views'],
  seed: number,
  { from, to }: Segment,
  own?: string,
): Identity {
  return identity('views', { ...viewSettings(views, size), seed, from, to, own }, [shardDigest]);
}

export const startOf = (fileDigest: string) => identity('start', {}, [fileDigest]);

const unlessOne = (parts: number) => (parts > 1 ? parts : undefined);

export function representationOf({
  images,
  start,
  encoder,
  views,
  pretrain,
  seed,
}: PretrainRecipe & { images: ImagesRef }): Identity & { architecture: Architecture } {
  const architecture = representationArchitecture({ encoder, pretrain }, images.size);
  const { segmentEpochs, probeEpochs, start: _file, memory, accumulate, ...always } = pretrain;
  const { projection } = architecture;
  const parts = unlessOne(accumulate);
  const remembering = { ...memory, ...(parts ? { inParts: true } : {}) }; // once it was not, whatever the rest was
  const science = { ...always, projection, memory: memory.size > 0 ? remembering : undefined, accumulate: parts };
  const inputs = [images.pool.digest, ...(start ? [start.digest] : [])];
  return {
    ...identity('representation', { architecture, views: viewSettings(views, images.size), pretrain: science, seed }, inputs),
    architecture,
  };
}

/** @param ids  those that the file of the draw names, if there is one: where it lies is no part of them */
export function labelsOf(pool: ShardSetRef, classes: number, draw: LabelDraw, seed: number, calibration = 0, ids?: string[]): Identity {
  const chosen = ids ? { ids: sha256(JSON.stringify(ids)) } : { ...draw, seed };
  return identity('labels', { ...chosen, classes, ...(calibration > 0 ? { calibration, seed } : {}) }, [pool.digest]);
}

/** The labels of a draw with some of them held out. @param share  undefined: a fifth */
export const splitOf = (pool: ShardSetRef, labels: LabelsRef, seed: number, share?: number) =>
  identity('labels', { split: true, seed, share }, [pool.digest, labels.digest]);

export function classifierOf({
  images,
  labels,
  representation,
  encoder,
  views,
  finetune,
  judged,
  stopped,
  evaluationCrop = 1,
  seed,
}: FinetuneInput): Identity & { architecture: Architecture } {
  const { baseline: tuned, train, fromHeadLayer, headLearningRateFactor, learningRate, weightDecay, ...both } = finetune;
  const budget = {
    ...both,
    accumulate: unlessOne(both.accumulate),
    labelSmoothing: both.labelSmoothing || undefined,
    classifierInit: both.classifierInit === 'uniform' ? both.classifierInit : undefined,
    classWeights: both.classWeights === 'none' ? undefined : both.classWeights,
    contrastive: both.contrastive.weight > 0 ? both.contrastive : undefined,
    stopping: stopped ? { patience: both.stopping.patience } : undefined, // what is held out is a matter of the labels
  };
  const { alsoTry, ...baseline } = tuned;
  const architecture = classifierArchitecture({ encoder, finetune }, images.size, images.classes.length);
  const frozen = train === 'all' ? {} : { train };
  const training = representation
    ? { ...budget, ...frozen, headLearningRateFactor, learningRate, weightDecay }
    : { ...budget, ...baseline };
  const inputs = [images.pool.digest, labels.digest, ...(representation ? [representation.digest] : [])];
  const pack = packImages(images.size) < PACK_IMAGES ? packImages(images.size) : undefined; // it decides the order of the images
  const judging = { judged: judged || undefined, evaluationCrop: (judged || stopped) && evaluationCrop < 1 ? evaluationCrop : undefined };
  const slice = { architecture, views: plainViews('finetune', views), finetune: training, seed, pack, ...judging };
  return { ...identity('classifier', slice, inputs), architecture };
}

export function studentOf({
  images,
  labels,
  teacher,
  otherTeachers = [],
  representation,
  encoder,
  views,
  distill,
  seed,
}: Omit<DistillInput, 'segment' | 'compute'>): Identity & { architecture: Architecture; pretrained: boolean } {
  const { student, teachers, accumulate, ...always } = distill;
  const science = { ...always, accumulate: unlessOne(accumulate) };
  const pretrained = student.start !== 'nothing' && isTeachersSize(encoder, student);
  const architecture = studentArchitecture({ encoder, distill }, images.size, images.classes.length);
  const optional = [...(distill.labelled > 0 ? [labels.digest] : []), ...(pretrained ? [representation.digest] : [])];
  const inputs = [images.pool.digest, ...[teacher, ...otherTeachers].map(({ digest }) => digest), ...optional];
  const slice = { architecture, views: plainViews('distill', views), distill: science, pretrained, seed };
  return { ...identity('student', slice, inputs), architecture, pretrained };
}

export function evaluationOf(
  test: ShardSetRef,
  draw: LabelDraw,
  {
    baseline,
    smallBaseline,
    classifier,
    student,
    representation,
    labels,
    graded,
    evaluationCrop = 1,
  }: Omit<EvaluateInput, 'images' | 'draw' | 'compute'>,
): Identity {
  const which = 'file' in draw ? { draw: draw.draw } : draw; // what a file names is in the models, and where it lies is no matter
  const slice = { ...which, ...(graded ? { graded } : {}), ...(evaluationCrop === 1 ? {} : { evaluationCrop }) };
  const optional = [
    ...(representation || labels.heldOut ? [labels] : []),
    ...(representation ? [representation] : []),
    ...(smallBaseline ? [smallBaseline] : []),
  ];
  const inputs = [test, baseline, classifier, student, ...optional].map(({ digest }) => digest);
  return identity('evaluation', slice, inputs);
}

export const reportOf = (run: string, recipe: Recipe, inputs: string[], representation: RepresentationRef, labels: LabelsRef[] = []) =>
  identity('report', { run, recipe }, [representation.digest, ...labels.map(({ digest }) => digest), ...inputs]);
