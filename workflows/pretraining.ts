/**
 * shards → views → representation. A chain of segments: while one trains, data workers write the views of the next; views of a
 * finished segment are deleted. A segment that finds its views missing has them rendered again. Where the training device renders the
 * views, the same chain goes on images alone.
 */
import type { ImagesRef, LabelsRef, RepresentationRef } from '../contracts/artifacts.ts';
import { labelDraws } from '../contracts/recipe.ts';
import { segmentAt, segmentLength, viewsWhere } from '../contracts/segments.ts';
import type { PretrainResult, Segment } from '../contracts/stages.ts';
import { trainChain } from './chain.ts';
import { isFailure } from './failed.ts';
import { light, training } from './policies.ts';
import type { Run } from './run.ts';
import { epochsText } from './steps.ts';
import { openViews } from './views.ts';

/** Times that the views of one segment are written again. From the first time on no other run can delete them. */
const WRITTEN_AGAIN = 3;

export async function pretrain(run: Run, images: ImagesRef): Promise<RepresentationRef> {
  const { recipe, tracker, call, step } = run;
  const { start: file, epochs, segmentEpochs } = recipe.pretrain;
  const { encoder, views: settings, seed, compute } = recipe;
  const start = file && (await step(light.adopt, `take over the weights of ${file}`, { file }));
  const input = { images, ...(start ? { start } : {}), encoder, views: settings, pretrain: recipe.pretrain, seed, compute };
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

  const labels = await run.once('labels to probe by', (part) => labelsToProbe(part, images));
  const probe = labels && { labels, evaluationCrop: recipe.images.evaluationCrop };
  const length = segmentLength(images.pool.images, segmentEpochs);
  const where = viewsWhere(recipe, images.pool.images, images.size);
  const segments = Math.ceil(epochs / length);
  const views = where === 'workers' ? openViews(run, images, segments, Math.floor(found.epochsDone / length)) : undefined;
  if (!views) tracker.leaveOut('views', 'rendered while training');
  return trainChain(run, { stage: 'representation', found, length, epochs, train });

  async function train(segment: Segment): Promise<PretrainResult> {
    for (let again = 0; ; again++) {
      await views?.write(segment);
      if (segment.to < epochs) void views?.write(segmentAt(segment.to, length, epochs));
      try {
        const wanted = { ...input, ...(probe ? { probe } : {}), segment, where, ...views?.which(segment) };
        const state = await call(training.pretrain, `pretrain ${epochsText(segment, epochs)}`, wanted);
        tracker.warn(state.warning);
        await views?.deleteUntil(state.epochsDone);
        return state;
      } catch (error) {
        if (!isFailure(error, 'ViewsMissing') || again === WRITTEN_AGAIN) throw error;
        views?.lost(segment);
      }
    }
  }
}

/**
 * Labels to score the features by while they are learnt: the first draw of the most labels that the recipe has, so none that the run may not
 * look at, a fifth of them held out.
 */
async function labelsToProbe({ recipe, tracker, call }: Run, images: ImagesRef): Promise<LabelsRef | undefined> {
  const { seed, pretrain } = recipe;
  const draw = labelDraws(recipe.labels).findLast(({ draw }) => draw === 0);
  if (pretrain.probeEpochs === 0 || !draw) return undefined;
  const labels = await call(light.drawLabels, 'draw labels to probe by', { images, draw, seed, calibration: recipe.labels.calibration });
  const { split, why } = await call(light.splitLabels, 'hold a fifth of them out', { images, labels, seed });
  if (why) tracker.note(`No probe while pretraining, as ${why}`);
  return split;
}
