/** Fine-tuning: representation → classifier, on the labelled images alone; or the baseline, the same network from nothing. */
import { join } from 'node:path';
import type { FinetuneJob } from '../../contracts/trainer.ts';
import { balancedWeights } from '../losses/cross-entropy.ts';
import { trainedParameters } from '../networks/frozen.ts';
import { networkOf } from '../networks/network.ts';
import { optimizerOf } from '../optimizers/choice.ts';
import { planTraining } from '../plan.ts';
import { loadRepresentation } from '../state.ts';
import { type FinetuneBatch, finetuneStep, normalisationOf } from '../steps/finetune.ts';
import { labelsOf, lightViews } from './light-views.ts';
import type { Surroundings } from './log.ts';
import { imagesIn, type Outcome, train } from './train.ts';

/**
 * Reads shards of labelled images, and `representation.safetensors` unless this is the baseline.
 * @throws what `train` throws; Failure DataIntegrity when an image has no label
 */
export async function finetune(job: FinetuneJob, around: Surroundings): Promise<Outcome> {
  const { architecture, finetune: settings, shards, baseline, seed } = job;
  const { learningRate, weightDecay } = baseline ? settings.baseline : settings;
  const plan = planTraining({ ...settings, learningRate, images: imagesIn(shards) });
  const network = networkOf(architecture);
  const classifierRate = baseline ? 1 : settings.headLearningRateFactor;
  const trained = baseline ? 'all' : (settings.train ?? 'all'); // a job of an older version has none
  const optimizer = optimizerOf(settings.optimizer, trainedParameters(network, trained), { weightDecay, classifierRate });
  const normalisation = normalisationOf(plan.batch / Math.min(settings.accumulate, plan.batch), baseline);
  const representation = () =>
    loadRepresentation(join(around.folder, 'in', 'representation.safetensors'), architecture, network.parameters);
  return train<FinetuneBatch>(
    {
      job,
      architecture,
      plan,
      untilEpoch: plan.epochs,
      network,
      optimizer,
      step: finetuneStep(network, optimizer, {
        normalisation,
        trained,
        contrastive: settings.contrastive,
        smoothing: settings.labelSmoothing,
        accumulate: settings.accumulate,
        classWeights: job.classImages && balancedWeights(job.classImages),
      }),
      weights: baseline ? undefined : representation,
      views: 1,
      batch: (rows, epoch) => ({ pixels: lightViews(rows, seed, epoch), labels: labelsOf(rows, architecture.classes) }),
    },
    around,
  );
}
