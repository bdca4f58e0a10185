/** Evaluation: models → scores, on test images that no training has seen, whole or their middle (`evaluationCrop`). */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { EvaluateJob, ShardFiles } from '../../contracts/trainer.ts';
import { readShard, type Shard } from '../images/shards.ts';
import { Calibration } from '../measures/calibration.ts';
import { atTemperature, fitTemperature, type Temperature } from '../measures/temperature.ts';
import { networkOf } from '../networks/network.ts';
import type { State } from '../networks/parameters.ts';
import { writeSafetensors } from '../safetensors.ts';
import { loadModel } from '../state.ts';
import { type Predictor, predictor } from '../steps/predict.ts';
import { disposeReplaced } from '../steps/step.ts';
import { tf } from '../tensorflow.ts';
import { FROZEN_MODELS, frozenModels } from './frozen.ts';
import type { Surroundings } from './log.ts';
import { arriving, type Pass, passesOf, pixelsOf } from './passes.ts';
import { Tally } from './tally.ts';
import { imagesIn, type Outcome } from './train.ts';

export const EVALUATION_FILE = 'evaluation.json';
export const EXAMPLES_FILE = 'examples.safetensors';
/** Test shards are read as epoch 0, labelled ones, which come before, as epoch 1. */
const [TEST, LABELLED] = [0, 1];

type Model = {
  name: string;
  classes: number;
  weights: State;
  predict: Predictor;
  /** Middle part of an image that it sees, as a share of its side. */
  crop: number;
  /** Its probabilities are softmax(logits / value); `before` counts what they would be without. */
  temperature?: Temperature & { images: number; before: Calibration };
};

/**
 * Reads `model-<i>.safetensors` for each model and the test shards as epoch 0, in their canonical order, whole; before them, for the
 * measures of a frozen encoder (`job.frozen`), its representation and the labelled images as epoch 1. Writes `evaluation.json` (a score for each model, up to 24 examples) and `examples.safetensors` (`images` uint8 [n, H, W, 3]).
 * Images without a label are passed over. With `calibration`, that model's probabilities are scaled by a temperature first, fitted on
 * the images kept for it.
 * @throws Failure DataIntegrity when a file does not fit
 */
export async function evaluate(job: EvaluateJob, around: Surroundings): Promise<Outcome> {
  const { folder, stop } = around;
  const execution = around.execution === 'eager' ? 'eager' : 'float32'; // scores are those of the weights as they are stored
  const { evaluationCrop: crop = 1 } = job;
  const models: Model[] = [];
  try {
    for (const [i, { name, architecture }] of job.models.entries()) {
      const network = networkOf(architecture);
      const weights = await loadModel(join(folder, 'in', `model-${i}.safetensors`), architecture, network.parameters);
      models.push({ name, classes: architecture.classes, weights, predict: predictor(network, execution), crop });
    }
    for (const model of models) if (model.name === job.calibration?.model) await calibrate(model, job.calibration.shards, around);
    const classes = Math.max(0, ...models.map(({ classes }) => classes));
    const { frozen, seed } = job;
    const names = [...(frozen ? FROZEN_MODELS : []), ...models.map(({ name }) => name)];
    const tally = new Tally(names, classes, imagesIn(job.shards));
    const tell = teller(tally, imagesIn(job.shards) + imagesIn(frozen?.labelled ?? []), around);
    if (frozen) {
      const labelled = arriving(folder, LABELLED, frozen.labelled.length, stop);
      const measures = await frozenModels({ folder, architecture: frozen.architecture, labelled, crop, seed, execution, tell, stop });
      models.unshift(...measures.map((model) => ({ ...model, classes, crop })));
    }
    let size = 0;
    for await (const shard of arriving(folder, TEST, job.shards.length, stop)) {
      size = shard.size;
      for (const passed of judge(models, shard, tally)) {
        tell(passed);
        await setImmediate(); // told to stop, it does so before the next pass
        if (stop.aborted) return { finished: false, facts: {} };
      }
    }
    if (stop.aborted) return { finished: false, facts: {} };
    const scores = tally.scores(job.seed, job);
    for (const { name, temperature } of models) {
      if (temperature) scores[name]!.measures.temperature = { ...temperature, before: temperature.before.error() };
    }
    await writeResults(join(folder, 'out'), tally, models, scores, size);
    const accuracy = Object.fromEntries(names.map((name) => [name, scores[name]!.accuracy]));
    return { finished: true, facts: { images: tally.images, accuracy } };
  } finally {
    for (const { weights } of models) disposeReplaced(weights);
  }
}

/** Fit the model's temperature on labelled images that no training saw the labels of. */
async function calibrate(model: Model, shards: ShardFiles, { folder, onAlive }: Surroundings): Promise<void> {
  const [logits, labels]: [Float32Array[], number[]] = [[], []];
  for (const index of shards.keys()) {
    const shard = readShard(await readFile(join(folder, 'in', `calibration-${index}.safetensors`)));
    for (const pass of passesOf(shard)) {
      logits.push(...ask(model, pass, shard.size).map((answer) => answer.logits));
      onAlive();
    }
    labels.push(...shard.labels);
  }
  model.temperature = { ...fitTemperature(logits, labels), images: labels.length, before: new Calibration() };
}

/** Ask every model about every image of a shard, and yield how many images each pass took. */
function* judge(models: Model[], shard: Shard, tally: Tally): Generator<number> {
  const length = shard.size * shard.size * 3;
  for (const pass of passesOf(shard)) {
    const { from, count, bytes } = pass;
    const answers = models.map((model) => ask(model, pass, shard.size));
    for (let i = 0; i < count; i++) {
      const label = shard.labels[from + i]!;
      if (label < 0) continue;
      const image = { id: shard.ids[from + i]!, label, pixels: bytes.subarray(i * length, (i + 1) * length) };
      tally.count(
        image,
        models.map((model, m) => probabilitiesOf(model, answers[m]![i]!, label)),
      );
    }
    yield count;
  }
}

type Answer = { logits: Float32Array; probabilities: Float32Array };

/** What the model says of each image, [B] times [C]. */
function ask({ predict, weights, classes, crop }: Model, pass: Pass, size: number): Answer[] {
  const [logits, probabilities] = tf.tidy(() => {
    const said = predict(weights, pixelsOf(pass, size, crop));
    return [said.logits.dataSync<'float32'>(), said.probabilities.dataSync<'float32'>()];
  });
  const row = (flat: Float32Array, i: number) => flat.subarray(i * classes, (i + 1) * classes);
  return Array.from({ length: pass.count }, (_, i) => ({ logits: row(logits, i), probabilities: row(probabilities, i) }));
}

/** At the model's temperature where it has one. */
function probabilitiesOf({ temperature }: Model, { logits, probabilities }: Answer, label: number): Float32Array {
  if (!temperature) return probabilities;
  const confidence = Math.max(...probabilities);
  temperature.before.count(confidence, probabilities.indexOf(confidence) === label);
  return atTemperature(logits, temperature.value);
}

function teller(tally: Tally, images: number, around: Surroundings): (passed: number) => void {
  const begun = around.now();
  let done = 0;
  return (passed) => {
    done += passed;
    const imagesPerSecond = (done * 1000) / Math.max(1, around.now() - begun);
    around.onProgress({
      step: done,
      steps: images,
      epoch: 0,
      epochs: 1,
      loss: tally.loss,
      images: done,
      imagesPerSecond,
      secondsLeft: (images - done) / imagesPerSecond,
    });
  };
}

async function writeResults(out: string, tally: Tally, models: Model[], scores: Record<string, unknown>, size: number): Promise<void> {
  const chosen = tally.examples();
  const pixels = new Uint8Array(chosen.length * size * size * 3);
  for (const [i, example] of chosen.entries()) pixels.set(example.pixels, i * size * size * 3);
  const ids = JSON.stringify(chosen.map(({ id }) => id));
  await writeSafetensors(
    join(out, EXAMPLES_FILE),
    { images: { dtype: 'uint8', shape: [chosen.length, size, size, 3], data: pixels } },
    { ids },
  );
  const examples = chosen.map(({ id, label, answers }) => ({
    id,
    label,
    predictions: Object.fromEntries(models.map(({ name }, i) => [name, answers[i]])),
  }));
  await writeFile(join(out, EVALUATION_FILE), JSON.stringify({ models: scores, examples }));
}
