/** Evaluation: what the models are shown. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { inputFile } from '../../../learning/feed.ts';
import { encodeShard } from '../../../learning/images/shards.ts';
import { EVALUATION_FILE, evaluate } from '../../../learning/loops/evaluate.ts';
import { networkOf } from '../../../learning/networks/network.ts';
import { initialState } from '../../../learning/networks/parameters.ts';
import { randomStream } from '../../../learning/random.ts';
import { saveModel } from '../../../learning/state.ts';
import type { Execution } from '../../../learning/steps/step.ts';
import { disposeReplaced } from '../../../learning/steps/step.ts';
import { tf } from '../../../learning/tensorflow.ts';
import { noise } from '../tensors.ts';
import { architecture, SIZE, scratch, settings, surroundings } from './scratch.ts';

const CLASSIFIER = architecture({ classes: 2, headLayers: 0 });

/** Noise all over, but for the middle half of each side, which is gray: [SIZE, SIZE, 3]. */
function framed(seed: number, frame: boolean): Uint8Array {
  const random = randomStream(seed, 'frame');
  const isMiddle = (at: number) => at >= SIZE / 4 && at < (3 * SIZE) / 4;
  return Uint8Array.from({ length: SIZE * SIZE * 3 }, (_, i) => {
    const value = random.integer(256);
    return frame && !(isMiddle(Math.floor(i / 3 / SIZE)) && isMiddle(Math.floor(i / 3) % SIZE)) ? value : 90;
  });
}

/** Probability of its class for a framed image and one that is gray all over, by a random classifier. */
async function judge(evaluationCrop: number | undefined, execution: Execution): Promise<number[]> {
  const folder = await scratch();
  const { parameters } = networkOf(CLASSIFIER);
  const state = initialState(parameters, 1);
  const classifier = parameters.find(({ part, role }) => part === 'classifier' && role !== 'bias');
  if (!classifier) throw new Error('there is no classifier');
  disposeReplaced({ old: state[classifier.name] ?? tf.scalar(0) });
  state[classifier.name] = noise(classifier.shape, 3); // far enough from zero for answers to differ
  await saveModel(join(folder, 'in', 'model-0.safetensors'), state, parameters, CLASSIFIER);
  disposeReplaced(state);
  const images = [true, false].map((frame, i) => ({ pixels: framed(1, frame), label: 0, id: `image ${i}` }));
  await writeFile(join(folder, 'in', inputFile(0, 0)), encodeShard(images, SIZE));
  const models = [{ name: 'student', architecture: CLASSIFIER }];
  const job = { ...settings().compute, kind: 'evaluate' as const, models, evaluationCrop, shards: [{ images: 2 }], seed: 0 };
  await evaluate(job, surroundings(folder, Infinity, execution));
  const { examples } = JSON.parse(await readFile(join(folder, 'out', EVALUATION_FILE), 'utf8')) as {
    examples: { id: string; predictions: { student: { class: number; probability: number } } }[];
  };
  return examples
    .sort((a, b) => (a.id < b.id ? -1 : 1))
    .map(({ predictions: { student } }) => (student.class === 0 ? student.probability : 1 - student.probability));
}

test.each<Execution>(['float32', 'eager'])(
  'evaluate: shows the middle that the recipe asks for, or the whole image (%s)',
  async (execution) => {
    const [framedWhole = 0, grayWhole = 0] = await judge(undefined, execution);
    expect(Math.abs(framedWhole - grayWhole)).toBeGreaterThan(1e-3);
    const [framedMiddle = 0, grayMiddle = 0] = await judge(0.5, execution);
    expect(framedMiddle).toBeCloseTo(grayMiddle, 5);
    expect(grayMiddle).toBeCloseTo(grayWhole, 5);
  },
);
