/** Pretraining: views → representation. No labels. */
import type { PretrainJob } from '../../contracts/trainer.ts';
import { networkOf } from '../networks/network.ts';
import { bytesTensor } from '../ops/native.ts';
import { optimizerOf } from '../optimizers/choice.ts';
import { planTraining } from '../plan.ts';
import { type PretrainBatch, pretrainStep } from '../steps/pretrain.ts';
import type { Surroundings } from './log.ts';
import { imagesIn, type Outcome, train } from './train.ts';

/** Reads view shards, two views of each image. @throws what `train` throws */
export async function pretrain(job: PretrainJob, around: Surroundings): Promise<Outcome> {
  const { architecture, pretrain: settings, shards, untilEpoch } = job;
  const network = networkOf(architecture);
  const optimizer = optimizerOf(settings.optimizer, network.parameters, { weightDecay: settings.weightDecay });
  return train<PretrainBatch>(
    {
      job,
      architecture,
      untilEpoch,
      network,
      optimizer,
      plan: planTraining({ ...settings, images: imagesIn(shards) }),
      step: pretrainStep(network, optimizer, { temperature: settings.temperature }),
      batch: ({ pixels }) => ({ pixels: bytesTensor(pixels.data, pixels.shape) }),
    },
    around,
  );
}
