/** Fine-tuning: representation → classifier, on the labelled images alone; or the baseline, the same network from nothing. */
import { join } from 'node:path';
import type { FinetuneJob } from '../../contracts/trainer.ts';
import type { Shard } from '../images/shards.ts';
import { balancedWeights, crossEntropy } from '../losses/cross-entropy.ts';
import { networkOf } from '../networks/network.ts';
import type { State } from '../networks/parameters.ts';
import { trainedParameters } from '../networks/trained.ts';
import { optimizerOf } from '../optimizers/choice.ts';
import { planTraining } from '../plan.ts';
import { loadModel, loadRepresentation } from '../state.ts';
import { type FinetuneBatch, finetuneStep, normalisationOf } from '../steps/finetune.ts';
import { predictor } from '../steps/predict.ts';
import { disposeReplaced } from '../steps/step.ts';
import { tf } from '../tensorflow.ts';
import { labelsOf, viewsOf } from './batch.ts';
import type { Surroundings } from './log.ts';
import { arriving, passesOf, pixelsOf, staying } from './passes.ts';
import type { Reviewer } from './review.ts';
import { imagesIn, MODEL_FILE, type Outcome, train } from './train.ts';

/**
 * Reads shards of labelled images, and `representation.safetensors` unless this is the baseline; then those to judge it by, if any. With
 * `job.stopping` every epoch is judged, and the weights are those of the best one.
 * @throws what `train` throws; Failure DataIntegrity when an image has no label
 */
export async function finetune(job: FinetuneJob, around: Surroundings): Promise<Outcome> {
  const { architecture, finetune: settings, shards, baseline } = job;
  const { optimizer: name = settings.optimizer, learningRate, weightDecay } = baseline ? settings.baseline : settings; // an older job names none
  const plan = planTraining({ ...settings, learningRate, images: imagesIn(shards) });
  const network = networkOf(architecture, settings.classifierInit); // an older job has none
  const classifierRate = baseline ? 1 : settings.headLearningRateFactor;
  const trained = baseline ? 'all' : (settings.train ?? 'all'); // a job of an older version has none
  const optimizer = optimizerOf(name, trainedParameters(network, trained), { weightDecay, classifierRate });
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
      rateKey: `finetune.${baseline ? 'baseline.' : ''}learningRate.base`,
      views: 1,
      batch: (rows, epoch) => ({ pixels: viewsOf(rows, job, epoch), labels: labelsOf(rows, architecture.classes) }),
      reviewer: epochReviewer(job, around),
    },
    around,
  );
  if (!outcome.finished || !job.heldOut) return outcome;
  const weights = await loadModel(join(around.folder, 'out', MODEL_FILE), architecture, network.parameters);
  const judge = judgeOf(job, around);
  const judged = await judge(weights, arriving(around.folder, plan.epochs, job.heldOut.length, around.stop), () => around.onAlive());
  disposeReplaced(weights);
  const heldOut = judged && { accuracy: judged.accuracy, images: judged.images };
  return { ...outcome, finished: heldOut !== undefined, facts: { ...outcome.facts, heldOut } };
}

/** Early stopping: each epoch by the images held out for that; nothing when the job asks for none. */
function epochReviewer(job: FinetuneJob, around: Surroundings): Reviewer | undefined {
  if (!job.stopping) return undefined;
  const { patience, judged } = job.stopping;
  const judge = judgeOf(job, around);
  return {
    everyEpochs: 1,
    patience,
    async review(weights, alive) {
      const found = await judge(weights, staying(around.folder, 'judged', judged.length, around.stop), alive);
      return found && { heldOut: found.accuracy, heldOutLoss: found.loss };
    },
  };
}

type Judged = { accuracy: number; loss: number; images: number };

/**
 * Weights of the classifier, on images that they did not learn from; nothing when stopped before the last one. Where classes weigh alike the
 * accuracy is the balanced one.
 */
function judgeOf({ architecture, judging = {} }: FinetuneJob, { execution, stop }: Surroundings) {
  const { classImages, evaluationCrop = 1 } = judging;
  const classWeights = classImages && balancedWeights(classImages); // their mean over the images is 1
  const network = networkOf(architecture);
  const predict = predictor(network, execution === 'eager' ? 'eager' : 'float32');
  return async (
    state: State,
    shards: AsyncIterable<Shard>,
    alive: (images: number) => void = () => undefined,
  ): Promise<Judged | undefined> => {
    const weights = Object.fromEntries(network.parameters.map(({ name }) => [name, state[name]!]));
    let [images, right, loss] = [0, 0, 0];
    for await (const shard of shards) {
      const labels = labelsOf(shard, architecture.classes);
      for (const pass of passesOf(shard)) {
        const [called, mean] = tf.tidy(() => {
          const { logits } = predict(weights, pixelsOf(pass, shard.size, evaluationCrop));
          const own = tf.slice(labels, pass.from, pass.count);
          return [tf.argMax(logits, 1).dataSync(), crossEntropy(logits, own, { classWeights }).dataSync()[0] ?? 0] as const;
        });
        for (const [i, answer] of called.entries()) {
          const label = shard.labels[pass.from + i]!;
          if (answer === label) right += classWeights ? classWeights[label]! : 1;
        }
        loss += mean * pass.count;
        images += pass.count;
        alive(pass.count);
      }
      labels.dispose();
    }
    return stop.aborted ? undefined : { accuracy: right / images, loss: loss / images, images };
  };
}
