/**
 * The memory of SimCLRv2 (arXiv 2006.10029, section 2), with the mechanics of MoCo (arXiv 1911.05722; facebookresearch/moco,
 * moco/builder.py): a second network, the average of the trained one over its steps, projects every batch, and its projections of past
 * batches are further negatives. Only the trained network is a representation; the averaged one serves the memory and goes with it.
 * Differs from MoCo: the views of a batch stay each other's positives and negatives, as in SimCLR, all from one pass of one network, so
 * that batch norm tells no positive apart and nothing need be shuffled.
 */
import type { Recipe } from '../contracts/recipe.ts';
import type { Network } from './networks/network.ts';
import { isTrainable, type ParameterSpec, type State } from './networks/parameters.ts';
import { after } from './ops/native.ts';
import { unitRows } from './ops/rows.ts';
import { tensorOf } from './optimizers/optimizer.ts';
import { type Part, partsOf, rowsOf } from './steps/parts.ts';
import { type Tensor, tf } from './tensorflow.ts';

export type Memory = {
  /** What it keeps in the state: the averaged network, a copy of the trained one at first, and the queue, directions drawn at random. */
  slots: ParameterSpec[];
  /** The queue of a state: projections of length 1, float32 [K, D], the oldest first. */
  queue(state: State): Tensor;
  /**
   * The memory after a batch: averages w̄ ← m·w̄ + (1 − m)·w first, then its projections of the batch in place of as many of the oldest.
   * Batch norm goes by this batch, or a part of it, and its moving statistics are the averaged network's own.
   * @param state   before the update of the trained weights
   * @param images  float32 [N, H, W, 3] in 0..1: one view of each image
   * @param parts   of the batch, one after the other; without it all at once
   * @returns       the new slots, by name
   */
  next(state: State, images: Tensor, parts?: Part[]): State;
};

const QUEUE = 'memory/queue';
const slotOf = (name: string) => `memory/${name}`;

/**
 * @param network     the trained one
 * @param size        K, rows of the queue, at least 1; of a batch larger than that the last K stay
 * @param decay       m, from 0 (always a copy of the trained network) to 1 (always the first one)
 * @param dimensions  D, the width of its output
 */
export function memoryOf(network: Network, { size, decay }: Recipe['pretrain']['memory'], dimensions: number): Memory {
  const copies = network.parameters.map((spec) => ({ ...spec, name: slotOf(spec.name), initial: { kind: 'copy' as const, of: spec } }));
  const queue: ParameterSpec = { name: QUEUE, shape: [size, dimensions], initial: { kind: 'directions' }, role: 'queue', part: 'head' };
  const averaged = (state: State, spec: ParameterSpec) => {
    const average = tensorOf(state, slotOf(spec.name));
    return isTrainable(spec) ? tf.add(tf.mul(average, decay), tf.mul(tensorOf(state, spec.name), 1 - decay)) : average;
  };
  return {
    slots: [...copies, queue],
    queue: (state) => tensorOf(state, QUEUE),
    next(state, images, parts = partsOf(images.shape[0] ?? 0, 1)) {
      let values: State = Object.fromEntries(network.parameters.map((spec) => [spec.name, averaged(state, spec)]));
      const projections: Tensor[] = [];
      for (const part of parts) {
        const own = after(rowsOf(images, part), projections.slice(-1));
        const { output, statistics } = tf.tidy(() => network.apply(values, own, { training: true }));
        projections.push(output);
        values = { ...values, ...statistics };
      }
      const longer = tf.concat([tensorOf(state, QUEUE), unitRows(tf.concat(projections, 0))], 0); // [K + N, D]
      const kept = tf.slice(longer, [(longer.shape[0] ?? 0) - size, 0]); // [K, D]
      const slots = Object.entries(values).map(([name, value]) => [slotOf(name), value]);
      return { ...Object.fromEntries(slots), [QUEUE]: kept };
    },
  };
}
