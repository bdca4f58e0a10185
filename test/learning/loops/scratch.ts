/** A scratch folder as the supervisor lays it out, with small synthetic images in it. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { Recipe } from '../../../contracts/recipe.ts';
import type { Architecture } from '../../../contracts/trainer.ts';
import { inputFile } from '../../../learning/feed.ts';
import type { Surroundings } from '../../../learning/loops/log.ts';
import { randomStream } from '../../../learning/random.ts';
import { writeSafetensors } from '../../../learning/safetensors.ts';
import type { Execution } from '../../../learning/steps/step.ts';

export const SIZE = 16;
export const CLASSES = 4;

/** A recipe's settings with every default, and the given ones on top. */
export function settings(more: Pick<Partial<Recipe>, never> & Record<string, unknown> = {}): Recipe {
  return Recipe.parse({ name: 'test', images: { train: 'nowhere' }, ...more });
}

export const architecture = (more: Partial<Architecture> = {}): Architecture => ({
  encoder: { depth: 18, width: 0.125, stem: 'small' },
  headLayers: 2,
  projection: 16,
  classes: 0,
  size: SIZE,
  ...more,
});

/** Image i: stripes whose direction and colour are its class; a view has its own light and noise. */
export function pixelsOf(image: number, view = 0): Uint8Array {
  const [label, own, small] = [image % CLASSES, randomStream(1, 'image', image), randomStream(1, 'noise', image, view)];
  const [phase, base] = [own.integer(4), Array.from({ length: 3 }, () => 20 + 60 * own.uniform())];
  const light = Array.from({ length: 3 }, () => 0.6 + 0.4 * small.uniform());
  const pixels = new Uint8Array(SIZE * SIZE * 3);
  for (let at = 0; at < pixels.length; at++) {
    const [y, x, channel] = [Math.floor(at / (3 * SIZE)), Math.floor(at / 3) % SIZE, at % 3];
    const stripe = ((label % 2 ? x : y) + phase) % 4 < 2 ? 60 : 0;
    const tint = channel === label ? 80 : 0; // class 3 has none
    pixels[at] = light[channel]! * (base[channel]! + stripe + tint) + 30 * small.uniform();
  }
  return pixels;
}

/** A fresh folder with `in/` and `out/`, gone after the test. */
export async function scratch(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'fewlabels-test-'));
  await mkdir(join(folder, 'in'));
  await mkdir(join(folder, 'out'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

export type Shards = { shards: { images: number }[]; ids: string[] };

/**
 * Put the shards of some epochs into `in/`: image i has the id `image-<i>` and the class i modulo 4.
 * @param views  2 writes view shards without labels
 */
export async function supply(
  folder: string,
  { images, perShard, epochs, from = 0, views = 1 }: { images: number; perShard: number; epochs: number; from?: number; views?: 1 | 2 },
): Promise<{ images: number }[]> {
  const shards: { images: number }[] = [];
  for (let first = 0; first < images; first += perShard) {
    const numbers = Array.from({ length: Math.min(perShard, images - first) }, (_, i) => first + i);
    shards.push({ images: numbers.length });
    const data = Buffer.concat(numbers.flatMap((image) => Array.from({ length: views }, (_, view) => pixelsOf(image, view))));
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.length);
    const n = numbers.length;
    const ids = { ids: JSON.stringify(numbers.map((image) => `image-${image}`)) };
    const labels = { dtype: 'int32' as const, shape: [n], data: Int32Array.from(numbers, (image) => image % CLASSES) };
    for (let epoch = from; epoch < epochs; epoch++) {
      const file = join(folder, 'in', inputFile(epoch, shards.length - 1));
      const tensor = (shape: number[]) => ({ dtype: 'uint8' as const, shape, data: bytes });
      if (views === 2) await writeSafetensors(file, { views: tensor([n, 2, SIZE, SIZE, 3]) }, ids);
      else await writeSafetensors(file, { images: tensor([n, SIZE, SIZE, 3]), labels }, ids);
    }
  }
  return shards;
}

export type Heard = {
  progress: Parameters<Surroundings['onProgress']>[0][];
  checkpoints: Parameters<Surroundings['onCheckpoint']>[0][];
  stop: AbortController;
};

/**
 * Surroundings that remember what they are told. Their clock goes two seconds further at every look, so that every step is told.
 * @param stopAt  step after which to stop
 */
export function surroundings(folder: string, stopAt = Infinity, execution: Execution = 'float32'): Surroundings & { heard: Heard } {
  let clock = 0;
  const heard: Heard = { progress: [], checkpoints: [], stop: new AbortController() };
  return {
    heard,
    folder,
    execution,
    now: () => (clock += 2_000),
    onProgress(progress) {
      heard.progress.push(progress);
      if (progress.step >= stopAt) heard.stop.abort();
    },
    onCheckpoint: (checkpoint) => void heard.checkpoints.push(checkpoint),
    onAlive: () => undefined,
    stop: heard.stop.signal,
  };
}
