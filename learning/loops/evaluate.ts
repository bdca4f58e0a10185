/** Evaluation: models → scores, on test images that no training has seen, whole or their middle (`evaluationCrop`). */
import { access, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EvaluateJob, ShardFiles } from '../../contracts/trainer.ts';
import { inputFile } from '../feed.ts';
import { readShard, type Shard } from '../images/shards.ts';
import { Calibration } from '../measures/calibration.ts';
import { atTemperature, fitTemperature } from '../measures/temperature.ts';
import { networkOf } from '../networks/network.ts';
import type { State } from '../networks/parameters.ts';
import { bytesTensor, fromBytes } from '../ops/native.ts';
import { writeSafetensors } from '../safetensors.ts';
import { loadModel } from '../state.ts';
import { type Predictor, predictor } from '../steps/predict.ts';
import { disposeReplaced } from '../steps/step.ts';
import { type Tensor, tf } from '../tensorflow.ts';
import { centreCrop } from '../views/centre-crop.ts';
import type { Surroundings } from './log.ts';
import { Tally } from './tally.ts';
import { imagesIn, type Outcome } from './train.ts';

export const EVALUATION_FILE = 'evaluation.json';
export const EXAMPLES_FILE = 'examples.safetensors';
const POLL_MILLISECONDS = 20;
/** Pixels of one pass: 512 images of 32 px. */
const PASS_PIXELS = 2 ** 19;

type Model = {
  name: string;
  classes: number;
  weights: State;
  predict: Predictor;
  /** Middle part of an image that it sees, as a share of its side. */
  crop: number;
  /** Its probabilities are softmax(logits / value); `before` counts what they would be without. */
  temperature?: { value: number; images: number; before: Calibration };
};

/**
 * Reads `model-<i>.safetensors` for each model and the test shards as epoch 0, in their canonical order, whole. Writes
 * `evaluation.json` (a score for each model, up to 24 examples) and `examples.safetensors` (`images` uint8 [n, H, W, 3]).
 * Images without a label are passed over. With `calibration`, that model's probabilities are scaled by a temperature first, fitted on
 * the images kept for it.
 * @throws Failure DataIntegrity when a file does not fit
 */
export async function evaluate(job: EvaluateJob, around: Surroundings): Promise<Outcome> {
  const { folder, stop } = around;
  const execution = around.execution === 'eager' ? 'eager' : 'float32'; // scores are those of the weights as they are stored
  const models: Model[] = [];
  try {
    for (const [i, { name, architecture }] of job.models.entries()) {
      const network = networkOf(architecture);
      const weights = await loadModel(join(folder, 'in', `model-${i}.safetensors`), architecture, network.parameters);
      models.push({ name, classes: architecture.classes, weights, predict: predictor(network, execution), crop: job.evaluationCrop ?? 1 });
    }
    for (const model of models) if (model.name === job.calibration?.model) await calibrate(model, job.calibration.shards, folder);
    const classes = Math.max(0, ...models.map(({ classes }) => classes));
    const names = models.map(({ name }) => name);
    const tally = new Tally(names, classes, imagesIn(job.shards));
    const tell = teller(tally, imagesIn(job.shards), around);
    let size = 0;
    for (let index = 0; index < job.shards.length && !stop.aborted; index++) {
      const shard = await arrived(join(folder, 'in', inputFile(0, index)), stop);
      if (!shard) break;
      size = shard.size;
      for (const passed of judge(models, shard, tally)) tell(passed);
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
async function calibrate(model: Model, shards: ShardFiles, folder: string): Promise<void> {
  const [logits, labels]: [Float32Array[], number[]] = [[], []];
  for (const index of shards.keys()) {
    const shard = readShard(await readFile(join(folder, 'in', `calibration-${index}.safetensors`)));
    for (const { pixels, shape } of passes(shard)) logits.push(...ask(model, pixels, shape).map((answer) => answer.logits));
    labels.push(...shard.labels);
  }
  model.temperature = { value: fitTemperature(logits, labels), images: labels.length, before: new Calibration() };
}

/** The shard, once it is there; its file is deleted. Undefined when stopped before. */
async function arrived(file: string, stop: AbortSignal): Promise<Shard | undefined> {
  while (!stop.aborted) {
    if (
      await access(file).then(
        () => true,
        () => false,
      )
    ) {
      const shard = readShard(await readFile(file));
      await rm(file);
      return shard;
    }
    await sleep(POLL_MILLISECONDS);
  }
  return undefined;
}

type Pass = { from: number; count: number; pixels: Uint8Array; shape: number[] };

/** A shard in pieces that one pass of the network takes. */
function* passes({ images, ids, size }: Shard): Generator<Pass> {
  const bytes = size * size * 3;
  const most = Math.max(1, Math.floor(PASS_PIXELS / size ** 2));
  for (let from = 0; from < ids.length; from += most) {
    const count = Math.min(most, ids.length - from);
    yield { from, count, pixels: images.slice(from * bytes, (from + count) * bytes), shape: [count, size, size, 3] };
  }
}

/** Ask every model about every image of a shard, and yield how many images each pass took. */
function* judge(models: Model[], shard: Shard, tally: Tally): Generator<number> {
  const bytes = shard.size * shard.size * 3;
  for (const { from, count, pixels, shape } of passes(shard)) {
    const answers = models.map((model) => ask(model, pixels, shape));
    for (let i = 0; i < count; i++) {
      const label = shard.labels[from + i]!;
      if (label < 0) continue;
      const image = { id: shard.ids[from + i]!, label, pixels: pixels.subarray(i * bytes, (i + 1) * bytes) };
      tally.count(
        image,
        models.map((model, m) => probabilitiesOf(model, answers[m]![i]!, label)),
      );
    }
    yield count;
  }
}

/** What a model sees of some images: their bytes, or the middle of them as float32 of the same shape. */
const shown = (bytes: Tensor, crop: number): Tensor => (crop === 1 ? bytes : centreCrop(fromBytes(bytes), crop, 255));

type Answer = { logits: Float32Array; probabilities: Float32Array };

/** What the model says of each image, [B] times [C]. */
function ask({ predict, weights, classes, crop }: Model, pixels: Uint8Array, shape: number[]): Answer[] {
  const [logits, probabilities] = tf.tidy(() => {
    const said = predict(weights, shown(bytesTensor(pixels, shape), crop));
    return [said.logits.dataSync<'float32'>(), said.probabilities.dataSync<'float32'>()];
  });
  const row = (flat: Float32Array, i: number) => flat.subarray(i * classes, (i + 1) * classes);
  return Array.from({ length: shape[0]! }, (_, i) => ({ logits: row(logits, i), probabilities: row(probabilities, i) }));
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
