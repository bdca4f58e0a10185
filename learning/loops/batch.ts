/** Batches of fine-tuning and distillation: views rendered where the training runs, and their labels. */
import { Failure } from '../../contracts/failures.ts';
import type { ViewSettings } from '../../contracts/trainer.ts';
import type { Rows } from '../feed.ts';
import { type Tensor, tf } from '../tensorflow.ts';
import { drawViews } from '../views/draw.ts';
import { renderBatch } from '../views/render.ts';

/** One view of each image: float32 [B, H, W, 3], 0 to 255. */
export function viewsOf({ ids, pixels }: Rows, { views, seed }: { views: ViewSettings; seed: number }, epoch: number): Tensor {
  return renderBatch(pixels, drawViews(views, seed, epoch, ids, 1, pixels.shape[1] ?? 0));
}

/** Labels of a batch, int32 [B]. @throws Failure DataIntegrity when one is missing or no class of the network */
export function labelsOf({ ids, labels }: Pick<Rows, 'ids' | 'labels'>, classes: number): Tensor {
  const wrong = ids.findIndex((_, i) => !labels || labels[i]! < 0 || labels[i]! >= classes);
  if (wrong >= 0 || !labels) {
    throw new Failure(
      'DataIntegrity',
      `Cannot train a classifier as labels must be 0 to ${classes - 1}: "${ids[wrong]}" has ${labels?.[wrong] ?? 'none'}`,
    );
  }
  return tf.tensor1d(labels, 'int32');
}
