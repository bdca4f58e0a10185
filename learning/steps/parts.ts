/**
 * A batch in parts, one after the other, so that a step needs the memory of a part: gradients are summed, and the weights move once.
 * What a loss says of single images is the same as in one go. What looks at the whole batch sees its part alone: batch norm's statistics
 * (which move once a part), and losses that compare images, unless their step sees to it.
 */
import { isTrainable, type ParameterSpec, type State } from '../networks/parameters.ts';
import { after } from '../ops/native.ts';
import { type Tensor, tf } from '../tensorflow.ts';
import { type Forward, gradientsOf } from './step.ts';

/** Rows [from, from + images) of a batch of `share`⁻¹ times as many. */
export type Part = { from: number; images: number; share: number };

/** Parts of a batch as even as they can be, at least one image in each. @param wanted  how many */
export function partsOf(batch: number, wanted: number): Part[] {
  const count = Math.min(wanted, batch);
  const starts = Array.from({ length: count + 1 }, (_, i) => Math.round((i * batch) / count));
  return starts.slice(0, -1).map((from, i) => ({ from, images: starts[i + 1]! - from, share: (starts[i + 1]! - from) / batch }));
}

/** The rows of a part. */
export function rowsOf(rows: Tensor, { from, images, share }: Part): Tensor {
  return share === 1 ? rows : tf.slice(rows, [from], [images]);
}

/** A mean over the rows of a part, as its share of the mean over the batch. */
export const shareOf = (mean: Tensor, { share }: Part): Tensor => (share === 1 ? mean : tf.mul(mean, share));

/**
 * As `gradientsOf`, part by part: loss and gradients are the sums over the parts, the outputs stand below each other, the statistics are
 * those after the last part.
 * @param images   float32 [B, H, W, 3], all that a forward pass takes of the batch's images
 * @param forward  from all values and the images of a part to its part of the loss
 */
export function gradientsInParts(
  parameters: ParameterSpec[],
  state: State,
  images: Tensor,
  parts: Part[],
  forward: (values: State, images: Tensor, part: Part) => Forward,
): Forward & { gradients: State } {
  let sum: (Forward & { gradients: State }) | undefined;
  for (const part of parts) {
    const before: State = { ...state, ...sum?.extra.statistics };
    const own = sum ? after(rowsOf(images, part), [sum.loss, ...Object.values(sum.gradients)]) : rowsOf(images, part);
    const one = gradientsOf(parameters, before, (values) => forward(values, own, part));
    sum = sum ? added(sum, one, parameters) : one;
  }
  if (!sum) throw new Error('Cannot take gradients as a batch must have a part: it has none');
  return sum;
}

type Result = ReturnType<typeof gradientsInParts>;

function added(a: Result, b: Result, parameters: ParameterSpec[]): Result {
  const names = parameters.filter(isTrainable).map(({ name }) => name);
  return {
    loss: tf.add(a.loss, b.loss),
    extra: { output: tf.concat([a.extra.output, b.extra.output], 0), statistics: b.extra.statistics },
    gradients: Object.fromEntries(names.map((name) => [name, tf.add(a.gradients[name]!, b.gradients[name]!)])),
  };
}
