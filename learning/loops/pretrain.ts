/** Pretraining: views → representation. No labels. */
import { join } from 'node:path';
import { Failure } from '../../contracts/failures.ts';
import type { PretrainJob } from '../../contracts/trainer.ts';
import { VIEWS } from '../../contracts/views.ts';
import type { Rows } from '../feed.ts';
import { memoryOf } from '../memory.ts';
import { comparedWidth, networkOf } from '../networks/network.ts';
import { bytesTensor } from '../ops/native.ts';
import { optimizerOf } from '../optimizers/choice.ts';
import { planTraining } from '../plan.ts';
import { loadStart } from '../state.ts';
import { type PretrainBatch, pretrainStep } from '../steps/pretrain.ts';
import type { Tensor } from '../tensorflow.ts';
import { drawViews } from '../views/draw.ts';
import { renderBatch } from '../views/render.ts';
import { collapseOf } from './collapse.ts';
import type { Surroundings } from './log.ts';
import { featureReviewer } from './online.ts';
import { imagesIn, type Outcome, train } from './train.ts';

/**
 * Reads view shards, two views of each image; or image shards, and renders the very same views of them (`job.views`). The encoder starts
 * from the weights of `job.start` where there are any. With `job.probe` the features are scored between epochs.
 * @throws what `train` throws; Failure DataIntegrity when the shards hold the other kind
 */
export async function pretrain(job: PretrainJob, around: Surroundings): Promise<Outcome> {
  const { architecture, start, pretrain: settings, shards, untilEpoch } = job;
  const network = networkOf(architecture);
  const optimizer = optimizerOf(settings.optimizer, network.parameters, { weightDecay: settings.weightDecay });
  const plan = planTraining({ ...settings, images: imagesIn(shards) });
  const dimensions = comparedWidth(architecture);
  const memory = settings.memory.size > 0 ? memoryOf(network, settings.memory, dimensions) : undefined;
  return train<PretrainBatch>(
    {
      job,
      architecture,
      untilEpoch,
      network,
      optimizer,
      plan,
      step: pretrainStep(network, optimizer, { temperature: settings.temperature, accumulate: settings.accumulate }, memory),
      more: memory?.slots,
      weights: start === undefined ? undefined : () => loadStart(join(around.folder, 'in', start), architecture, network.parameters),
      rateKey: 'pretrain.learningRate.base',
      views: VIEWS,
      batch: (rows, epoch) => ({ pixels: viewsOf(rows, epoch, job) }),
      warning: (curve) => collapseOf(curve, plan, { dimensions, queue: settings.memory.size }),
      reviewer: featureReviewer(job, around),
    },
    around,
  );
}

/** Both views of a batch, [2N, H, W, 3], first views then second ones: bytes as they were read, or float32 rendered from the images. */
function viewsOf({ ids, views, pixels }: Rows, epoch: number, { views: settings, seed, architecture }: PretrainJob): Tensor {
  if (views !== (settings ? 1 : VIEWS)) {
    const rule = settings ? 'the images to render' : 'two views of each image';
    throw new Failure('DataIntegrity', `Cannot pretrain as shards must hold ${rule}: they hold ${views} of each`);
  }
  if (!settings) return bytesTensor(pixels.data, pixels.shape);
  return renderBatch(pixels, drawViews(settings, seed, epoch, ids, VIEWS, architecture.size));
}
