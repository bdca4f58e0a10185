/**
 * What the features are worth while they are learnt: nearest neighbours and a linear probe on the encoder as it stands between two epochs,
 * with its stored statistics. Differs from SimCLR, which trains one linear layer beside the encoder all the time (tf2/run.py,
 * `lineareval_while_pretraining`): here the probe is fitted anew at each look, so it says what `fewlabels` will measure of the finished
 * encoder, and no gradient of it can reach the weights.
 */
import type { PretrainJob } from '../../contracts/trainer.ts';
import { accuracyOf } from '../losses/cross-entropy.ts';
import { encoderOf } from '../networks/network.ts';
import { unitRows } from '../ops/rows.ts';
import { fitProbe } from '../probes/linear.ts';
import { neighbourVotes } from '../probes/neighbours.ts';
import { featurizer } from '../steps/predict.ts';
import { type Tensor, tf } from '../tensorflow.ts';
import { labelledFeatures } from './frozen.ts';
import type { Surroundings } from './log.ts';
import { staying } from './passes.ts';
import type { Reviewer } from './review.ts';

/**
 * Reads `known-<i>.safetensors` and `judged-<i>.safetensors` at each look: labelled images to know, and others to ask about.
 * @returns nothing when the job asks for none
 */
export function featureReviewer({ architecture, probe, seed }: PretrainJob, around: Surroundings): Reviewer | undefined {
  if (!probe) return undefined;
  const { everyEpochs, classes, evaluationCrop: crop = 1, known, judged } = probe;
  const { folder, stop } = around;
  const execution = around.execution === 'eager' ? 'eager' : 'float32'; // as an evaluation has it
  const encoder = encoderOf(architecture);
  const featuresOf = featurizer(encoder, execution);
  return {
    everyEpochs,
    async review(weights, alive) {
      const own = Object.fromEntries(encoder.parameters.map(({ name }) => [name, weights[name]!]));
      const goOn = () => {
        alive();
        return !stop.aborted;
      };
      const featuresIn = (what: 'known' | 'judged', shards: number) => {
        const labelled = staying(folder, what, shards, stop);
        const wanted = { labelled, architecture: { ...architecture, classes }, crop, tell: alive, stop };
        return labelledFeatures(wanted, (pixels) => featuresOf(own, pixels));
      };
      const bank = await featuresIn('known', known.length);
      const asked = bank && (await featuresIn('judged', judged.length));
      const fitted = asked && (await fitProbe({ ...bank, classes, seed, execution, goOn }));
      const found = fitted && !stop.aborted ? scoresOf(bank, asked, fitted, classes) : undefined;
      tf.dispose([bank, asked, fitted]);
      return found;
    },
  };
}

type Labelled = { features: Tensor; labels: Tensor };

/** Shares of the images asked about that are called by their class. */
function scoresOf(bank: Labelled, asked: Labelled, fitted: Record<string, Tensor>, classes: number): { knn: number; probe: number } {
  return tf.tidy(() => {
    const images = asked.labels.size;
    const share = (answers: Tensor) => Math.round(images * (accuracyOf(answers, asked.labels).dataSync()[0] ?? 0)) / images;
    const unit = unitRows(bank.features);
    const votes = neighbourVotes(asked.features, { unit, labels: bank.labels.dataSync<'int32'>() }, classes);
    const { 'classifier/dense/kernel': kernel, 'classifier/dense/bias': bias } = fitted;
    return { knn: share(votes), probe: share(tf.add(tf.matMul(asked.features, kernel!), bias!)) };
  });
}
