/**
 * shards → views → representation. A chain of segments: while one trains, data workers write the views of the next; views of a
 * finished segment are deleted. A segment that finds its views missing has them rendered again. Where the training device renders the
 * views, the same chain goes on images alone.
 */
import { ActivityFailure, ApplicationFailure } from '@temporalio/workflow';
import type { ImagesRef, LabelsRef, RepresentationRef } from '../contracts/artifacts.ts';
import { labelDraws, type Recipe } from '../contracts/recipe.ts';
import { viewsWhere } from '../contracts/segments.ts';
import type { PretrainResult, Segment } from '../contracts/stages.ts';
import { data, light, training } from './policies.ts';
import type { Tracker } from './progress.ts';
import { call, epochsText, fanOut, segmentsOf } from './steps.ts';

export async function pretrain(recipe: Recipe, images: ImagesRef, tracker: Tracker): Promise<RepresentationRef> {
  const { start: file, epochs, segmentEpochs } = recipe.pretrain;
  const { encoder, views, seed, compute } = recipe;
  const start = file && (await call(light.adopt, `take over the weights of ${file}`, { file }));
  const input = { images, ...(start ? { start } : {}), encoder, views, pretrain: recipe.pretrain, seed, compute };
  const found = await call(light.findRepresentation, 'look for a finished or interrupted pretraining', input);
  tracker.expect('representation', epochs);
  tracker.advance('representation', found.epochsDone);
  tracker.warn(found.warning);
  if (found.result) {
    tracker.reuse('views');
    tracker.reuse('representation');
    if (recipe.pretrain.probeEpochs > 0 && !found.review)
      tracker.note('No probe while pretraining, as the representation that is re-used was learnt without one');
    return found.result;
  }

  const labels = await labelsToProbe(recipe, images, tracker);
  const probe = labels && { labels, evaluationCrop: recipe.images.evaluationCrop };
  const segments = segmentsOf(epochs, images.pool.images, segmentEpochs, found.epochsDone);
  const where = viewsWhere(recipe, images.pool.images, images.size);
  const byWorkers = where === 'workers';
  if (byWorkers) tracker.expect('views', segments.length * images.pool.shards);
  else tracker.leaveOut('views', 'rendered while training');
  let state: PretrainResult = found;
  let rendered = byWorkers && render(segments[0], recipe, images, tracker);
  for (const [k, segment] of segments.entries()) {
    await rendered;
    rendered = byWorkers && render(segments[k + 1], recipe, images, tracker);
    state = await train(segment);
    tracker.advance('representation', state.epochsDone - Math.max(segment.from, found.epochsDone));
    tracker.warn(state.warning);
    if (byWorkers) await deleteViews(segment, recipe, images);
  }
  if (!state.result)
    throw ApplicationFailure.nonRetryable('Cannot finish pretraining as its last segment gave no representation', 'DataIntegrity');
  return state.result;

  async function train(segment: Segment): Promise<PretrainResult> {
    const work = () =>
      call(training.pretrain, `pretrain ${epochsText(segment, epochs)}`, { ...input, ...(probe ? { probe } : {}), segment, where });
    return work().catch(async (error: unknown) => {
      if (!areViewsMissing(error)) throw error;
      await render(segment, recipe, images);
      return work();
    });
  }
}

/**
 * Labels to score the features by while they are learnt: the first draw of the most labels that the recipe has, so none that the run may not
 * look at, a fifth of them held out.
 */
async function labelsToProbe(recipe: Recipe, images: ImagesRef, tracker: Tracker): Promise<LabelsRef | undefined> {
  const { seed, pretrain } = recipe;
  const draw = labelDraws(recipe.labels).findLast(({ draw }) => draw === 0);
  if (pretrain.probeEpochs === 0 || !draw) return undefined;
  const labels = await call(light.drawLabels, 'draw labels to probe by', { images, draw, seed, calibration: recipe.labels.calibration });
  const { split, why } = await call(light.splitLabels, 'hold a fifth of them out', { images, labels, seed });
  if (why) tracker.note(`No probe while pretraining, as ${why}`);
  return split;
}

/** Write the views of one segment, one activity a shard. */
function render(segment: Segment | undefined, recipe: Recipe, { pool, size }: ImagesRef, tracker?: Tracker): Promise<unknown> {
  if (!segment) return Promise.resolve();
  const rendered = fanOut(pool.shards, async (shard) => {
    const summary = `views of shard ${shard + 1} of ${pool.shards} for ${epochsText(segment, recipe.pretrain.epochs)}`;
    await call(data.augment, summary, { pool, size, views: recipe.views, seed: recipe.seed, shard, segment });
    tracker?.advance('views');
  });
  rendered.catch(() => undefined); // it fails the run when it is awaited, not while another segment trains
  return rendered;
}

function deleteViews(segment: Segment, { pretrain: { epochs }, views, seed }: Recipe, { pool, size }: ImagesRef): Promise<void> {
  return call(light.deleteViews, `delete the views of ${epochsText(segment, epochs)}`, { pool, size, views, seed, segment });
}

function areViewsMissing(error: unknown): boolean {
  return error instanceof ActivityFailure && error.cause instanceof ApplicationFailure && error.cause.type === 'ViewsMissing';
}
