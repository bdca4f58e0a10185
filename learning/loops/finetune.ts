/** Fine-tuning: representation → classifier, on the labelled images alone; or the baseline, the same network from nothing. */
import { join } from 'node:path';
import type { FinetuneJob } from '../../contracts/trainer.ts';
import { accuracyOf, balancedWeights } from '../losses/cross-entropy.ts';
import { networkOf } from '../networks/network.ts';
import { trainedParameters } from '../networks/trained.ts';
import { optimizerOf } from '../optimizers/choice.ts';
import { planTraining } from '../plan.ts';
import { loadModel, loadRepresentation } from '../state.ts';
import { type FinetuneBatch, finetuneStep, normalisationOf } from '../steps/finetune.ts';
import { predictor } from '../steps/predict.ts';
import { disposeReplaced } from '../steps/step.ts';
import { tf } from '../tensorflow.ts';
import { labelsOf, lightViews } from './light-views.ts';
import type { Surroundings } from './log.ts';
import { arriving, passesOf, pixelsOf } from './passes.ts';
import { imagesIn, MODEL_FILE, type Outcome, train } from './train.ts';

/**
 * Reads shards of labelled images, and `representation.safetensors` unless this is the baseline; then those to judge it by, if any.
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
  const outcome = await train<FinetuneBatch>(
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
  if (!outcome.finished || !job.heldOut) return outcome;
  const heldOut = await judge(job, around, plan.epochs);
  return { ...outcome, finished: heldOut !== undefined, facts: { ...outcome.facts, heldOut } };
}

/** The classifier just written, on images that it did not learn from, looked at whole; nothing when stopped before the last one. */
async function judge({ architecture, heldOut = [] }: FinetuneJob, around: Surroundings, epoch: number) {
  const { folder, execution, stop } = around;
  const network = networkOf(architecture);
  const weights = await loadModel(join(folder, 'out', MODEL_FILE), architecture, network.parameters);
  const predict = predictor(network, execution === 'eager' ? 'eager' : 'float32');
  let [images, right] = [0, 0];
  for await (const shard of arriving(folder, epoch, heldOut.length, stop)) {
    const labels = labelsOf(shard, architecture.classes);
    for (const pass of passesOf(shard)) {
      const share = tf.tidy(() =>
        accuracyOf(predict(weights, pixelsOf(pass, shard.size, 1)).logits, tf.slice(labels, pass.from, pass.count)),
      );
      right += Math.round((share.dataSync()[0] ?? 0) * pass.count);
      images += pass.count;
      share.dispose();
    }
    labels.dispose();
  }
  disposeReplaced(weights);
  return stop.aborted ? undefined : { accuracy: right / images, images };
}
