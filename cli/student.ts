/** A student from its file, ready to answer. */
import { z } from 'zod';
import type { Architecture } from '../contracts/trainer.ts';
import { fromPytorch } from '../learning/interchange.ts';
import { networkOf } from '../learning/networks/network.ts';
import { decodeSafetensors } from '../learning/safetensors.ts';
import { tf } from '../learning/tensorflow.ts';
import { centreCrop } from '../learning/views/centre-crop.ts';

/** As far as a recipe goes: a file may be anybody's, and a network of its size is made before its weights are looked at. */
const Metadata = z.object({
  encoder: z.strictObject({
    depth: z.literal([18, 34, 50, 101, 152, 200]),
    width: z.number().min(0.0625).max(4),
    stem: z.enum(['small', 'imagenet']),
    selectiveKernel: z.literal(true).optional(),
    shortcut: z.literal('torchvision').optional(),
    padding: z.literal('torchvision').optional(),
    colours: z.literal('torchvision').optional(),
  }),
  headLayers: z.int().min(0).max(3),
  projection: z.int().min(1).max(4096),
  classes: z.int().min(1).max(65_536),
  size: z.int().min(8).max(1024),
});

export type Student = {
  classes: string[];
  /** Side of the images it wants, pixels. */
  size: number;
  /** @param pixels  RGB bytes of B images, each [size, size, 3]. @returns probabilities [B][classes] */
  predict(pixels: Uint8Array[]): Promise<number[][]>;
};

/** @throws Error when the file is no student of ours */
export function openStudent(bytes: Buffer, name: string): Student {
  const { tensors, metadata } = decodeSafetensors(bytes);
  const parsed = Metadata.safeParse(jsonOf(metadata.architecture));
  if (!parsed.success)
    throw new Error(`Cannot use "${name}" as it must be a student written by fewlabels: its metadata name no architecture`);
  const architecture: Architecture = parsed.data;
  const network = networkOf(architecture);
  const own = metadata.format === 'pt' ? fromPytorch({ tensors, metadata }, network.parameters) : tensors; // of `fewlabels export`
  const missing = network.parameters
    .filter(({ name: key, shape }) => own[key]?.dtype !== 'float32' || String(own[key].shape) !== String(shape))
    .map(({ name: key, shape }) => `${key} [${shape}]`);
  if (missing.length > 0)
    throw new Error(
      `Cannot use "${name}" as it must hold every weight of its network: ${missing.length} are missing, such as ${missing[0]}`,
    );
  const values = Object.fromEntries(
    network.parameters.flatMap(({ name: key, shape }) => (own[key] ? [[key, tf.tensor(own[key].data, shape, 'float32')]] : [])),
  );
  const { size, classes } = architecture;
  const temperature = Number(metadata.temperature ?? 1);
  if (!(temperature > 0)) throw new Error(`Cannot use "${name}" as its temperature must be above 0: ${metadata.temperature}`);
  const crop = Number(metadata.evaluationCrop ?? 1); // as it was evaluated
  if (!(crop > 0 && crop <= 1))
    throw new Error(`Cannot use "${name}" as its crop must be above 0 and at most 1: ${metadata.evaluationCrop}`);
  return { classes: classNames(metadata.classes, classes), size, predict };

  async function predict(pixels: Uint8Array[]): Promise<number[][]> {
    const floats = new Float32Array(pixels.length * size * size * 3);
    for (const [i, image] of pixels.entries())
      floats.set(
        Float32Array.from(image, (byte) => byte / 255),
        i * size * size * 3,
      );
    const probabilities = tf.tidy(() => {
      const images = centreCrop(tf.tensor(floats, [pixels.length, size, size, 3]), crop, 1);
      const { output } = network.apply(values, images, { training: false });
      return tf.softmax(tf.div(output, temperature));
    });
    const flat = await probabilities.data();
    probabilities.dispose();
    return pixels.map((_, i) => Array.from(flat.slice(i * classes, (i + 1) * classes)));
  }
}

function classNames(text: string | undefined, count: number): string[] {
  const parsed = z.array(z.string()).length(count).safeParse(jsonOf(text));
  return parsed.success ? parsed.data : Array.from({ length: count }, (_, i) => `class ${i}`);
}

function jsonOf(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? 'null');
  } catch {
    return undefined;
  }
}
