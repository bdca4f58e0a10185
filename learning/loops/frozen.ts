/**
 * What a representation is worth as it stands: nearest neighbours and a linear classifier on the features of its encoder, whose weights and
 * statistics stay as they are. Both know the labelled images of one draw and nothing else.
 */
import { join } from 'node:path';
import type { Architecture } from '../../contracts/trainer.ts';
import type { Shard } from '../images/shards.ts';
import { encoderOf, networkOf } from '../networks/network.ts';
import type { State } from '../networks/parameters.ts';
import { unitRows } from '../ops/rows.ts';
import { fitProbe } from '../probes/linear.ts';
import { neighbourVotes } from '../probes/neighbours.ts';
import { loadRepresentation } from '../state.ts';
import { featurizer, type Predictor, predictor } from '../steps/predict.ts';
import type { Execution } from '../steps/step.ts';
import { type Tensor, tf } from '../tensorflow.ts';
import { labelsOf } from './batch.ts';
import { passesOf, pixelsOf } from './passes.ts';

export type FrozenWanted = {
  folder: string;
  /** Of the encoder with a linear classifier. */
  architecture: Architecture;
  /** The labelled images, in their canonical order. */
  labelled: AsyncIterable<Shard>;
  /** Middle part of an image that the encoder sees, as a share of its side. */
  crop: number;
  seed: number;
  execution: Execution;
  /** So many labelled images more have gone through the encoder. */
  tell(images: number): void;
  stop: AbortSignal;
};

export const FROZEN_MODELS = ['knn', 'probe'] as const;
export type FrozenModel = { name: (typeof FROZEN_MODELS)[number]; weights: State; predict: Predictor };

/**
 * Reads `representation.safetensors`. None when stopped before.
 * @throws Failure DataIntegrity when the file does not fit, or a labelled image has no label
 */
export async function frozenModels(wanted: FrozenWanted): Promise<FrozenModel[]> {
  const { folder, architecture, seed, execution, stop, tell } = wanted;
  const { classes } = architecture;
  const encoder = encoderOf(architecture);
  const weights = await loadRepresentation(join(folder, 'in', 'representation.safetensors'), architecture, encoder.parameters);
  const featuresOf = featurizer(encoder, execution);
  const goOn = () => {
    tell(0);
    return !stop.aborted;
  };
  const known = await labelledFeatures(wanted, (pixels) => featuresOf(weights, pixels));
  const fitted = known && (await fitProbe({ ...known, classes, seed, execution, goOn }));
  if (!known || stop.aborted) {
    tf.dispose([weights, known, fitted]);
    return [];
  }
  const bank = tf.tidy(() => unitRows(known.features));
  const labels = known.labels.dataSync<'int32'>().slice();
  tf.dispose(known);
  const vote: Predictor = ({ [BANK]: unit, ...rest }, pixels) =>
    tf.tidy(() => {
      const probabilities = neighbourVotes(featuresOf(rest, pixels), { unit: unit!, labels }, classes);
      return { logits: tf.log(tf.maximum(probabilities, 1e-12)), probabilities };
    });
  return [
    { name: 'knn', weights: { ...weights, [BANK]: bank }, predict: vote },
    { name: 'probe', weights: { ...weights, ...fitted }, predict: predictor(networkOf(architecture), execution) },
  ];
}

/** The one tensor of the neighbours that is no weight of the encoder. */
const BANK = 'bank';

/** Features [N, F] and labels int32 [N] of all labelled images; nothing when stopped before the last one. */
export async function labelledFeatures(
  { labelled, architecture, crop, tell, stop }: Pick<FrozenWanted, 'labelled' | 'architecture' | 'crop' | 'tell' | 'stop'>,
  featuresOf: (pixels: Tensor) => Tensor,
): Promise<{ features: Tensor; labels: Tensor } | undefined> {
  const [features, labels]: [Tensor[], Tensor[]] = [[], []];
  for await (const shard of labelled) {
    labels.push(labelsOf(shard, architecture.classes));
    for (const pass of passesOf(shard)) {
      features.push(tf.tidy(() => featuresOf(pixelsOf(pass, shard.size, crop))));
      tell(pass.count);
    }
  }
  const all = stop.aborted ? undefined : { features: tf.concat(features), labels: tf.concat(labels) };
  tf.dispose([features, labels]);
  return all;
}
