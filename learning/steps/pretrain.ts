/** One step of contrastive pretraining. */
import { contrastiveMetrics, ntXent } from '../losses/nt-xent.ts';
import type { Memory } from '../memory.ts';
import type { Network } from '../networks/network.ts';
import type { State } from '../networks/parameters.ts';
import { after } from '../ops/native.ts';
import { sumOf } from '../ops/softmax-loss.ts';
import type { Optimizer } from '../optimizers/optimizer.ts';
import { type Tensor, tf } from '../tensorflow.ts';
import { gradientsInParts, type Part, partsOf, rowsOf } from './parts.ts';
import { type Forward, gradientsOf, imagesOf, nextState, type Step } from './step.ts';

/** pixels: bytes [2N, H, W, 3], first views then second views; learningRate: float32 scalar. */
export type PretrainBatch = { pixels: Tensor; learningRate: Tensor };
type PretrainMetrics = { loss: Tensor; accuracy: Tensor; entropy: Tensor; deviation: Tensor };

/**
 * All 2N views go through the network in one pass, so that batch norm mixes both views.
 * @param accumulate  parts of a batch, one after the other, both views of an image in one. The loss compares all 2N views all the same:
 *                    the parts are projected first, and once more for the gradient (GradCache: Gao et al. 2021, arXiv 2101.06983);
 *                    batch norm goes by its part
 * @param memory      further negatives; the second views of the batch join them after the step, projected in the same parts
 */
export function pretrainStep(
  network: Network,
  optimizer: Optimizer,
  { temperature, accumulate = 1 }: { temperature: number; accumulate?: number },
  memory?: Memory,
): Step<PretrainBatch, PretrainMetrics> {
  return (state, { pixels, learningRate }) => {
    const images = imagesOf(pixels);
    const lossOf = (z: Tensor) => ntXent(z, temperature, memory?.queue(state));
    const parts = partsOf((images.shape[0] ?? 0) / 2, accumulate);
    const { loss, extra, gradients } =
      parts.length > 1 ? cached(network, state, images, parts, lossOf) : atOnce(network, state, images, lossOf);
    const next = nextState(state, optimizer, gradients, extra.statistics, learningRate);
    return {
      state: memory ? { ...next, ...memory.next(state, secondViews(images), parts) } : next,
      metrics: { loss, ...contrastiveMetrics(extra.output, temperature) },
    };
  };
}

type Gradients = Forward & { gradients: State };

function atOnce(network: Network, state: State, images: Tensor, lossOf: (z: Tensor) => Tensor): Gradients {
  return gradientsOf(network.parameters, state, (values) => {
    const { output, statistics } = network.apply(values, images, { training: true });
    return { loss: lossOf(output), extra: { output, statistics } };
  });
}

/**
 * The gradient at the weights is Σ ∂L/∂z · ∂z/∂w over the parts, and ∂L/∂z needs the projections alone. What comes out is in the order
 * of the views, as it went in.
 */
function cached(network: Network, state: State, images: Tensor, parts: Part[], lossOf: (z: Tensor) => Tensor): Gradients {
  const views = byPart(images, parts); // part by part, first and second views of each
  const twice = parts.map(({ from, images: own, share }) => ({ from: 2 * from, images: 2 * own, share }));
  const projections: Tensor[] = [];
  for (const part of twice) {
    const own = after(rowsOf(views, part), projections.slice(-1));
    projections.push(tf.tidy(() => network.apply(state, own, { training: true }).output));
  }
  const z = byView(tf.concat(projections, 0), parts); // [2N, D]
  const { value, grad } = tf.valueAndGrad((at: Tensor) => lossOf(at) as ReturnType<typeof tf.scalar>)(z);
  const slopes = byPart(grad, parts);
  const { gradients, extra } = gradientsInParts(network.parameters, state, after(views, [slopes]), twice, (values, own, part) => {
    const { output, statistics } = network.apply(values, own, { training: true });
    const along = sumOf(tf.reshape(tf.mul(output, rowsOf(slopes, part)), [-1]));
    return { loss: along, extra: { output, statistics } };
  });
  return { loss: value, extra: { output: z, statistics: extra.statistics }, gradients };
}

/** [2N, …], first views then second ones, to the same rows part by part. */
function byPart(rows: Tensor, parts: Part[]): Tensor {
  const half = (rows.shape[0] ?? 0) / 2;
  return tf.concat(
    parts.flatMap(({ from, images }) => [tf.slice(rows, [from], [images]), tf.slice(rows, [half + from], [images])]),
    0,
  );
}

/** The other way round. */
function byView(rows: Tensor, parts: Part[]): Tensor {
  const view = (second: 0 | 1) => parts.map(({ from, images }) => tf.slice(rows, [2 * from + second * images], [images]));
  return tf.concat([...view(0), ...view(1)], 0);
}

/** [2N, H, W, 3] → [N, H, W, 3] */
const secondViews = (images: Tensor): Tensor => tf.split(images, 2)[1]!;
