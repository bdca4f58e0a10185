/**
 * Selective kernels (Li et al. 2019, arXiv 1903.06586) as SimCLR has them (tf2/resnet.py, `SK_Conv2D`): two branches of one convolution,
 * both 3×3, mixed channel by channel in shares that the whole map decides.
 */
import { globalAveragePool } from '../ops/pool.ts';
import { type Tensor, tf } from '../tensorflow.ts';
import { chain, conv, dense, type Layer, norm, rectifier } from './layers.ts';

/** Width of the mixing layer as a share of the channels: sk_ratio of all published SimCLRv2 networks; and its least. */
const [RATIO, LEAST] = [0.0625, 32];

/**
 * In place of the second convolution of a bottleneck, its norm and its ReLU: [B, H, W, F] → [B, ⌈H/stride⌉, ⌈W/stride⌉, F].
 *   u, v = the halves of ReLU(norm(conv_3×3(x)));  s = W₂ ReLU(norm(W₁ mean(u + v)));  y = σ·u + (1 − σ)·v
 * with σ the softmax over the two halves of s, channel by channel. Zero mixing weights give the plain average.
 * @param name      of the block; the convolution is its `conv2`, the mixing layers are under `mixing`
 * @param channels  F
 */
export function selectiveKernel(name: string, channels: number, stride: number): Layer {
  const branches = chain(conv(`${name}/conv2`, channels, 2 * channels, 3, stride), norm(`${name}/norm2`, 2 * channels), rectifier);
  const middle = Math.max(Math.floor(channels * RATIO), LEAST);
  const mixing = chain(
    dense(`${name}/mixing/dense1`, channels, middle, { kind: 'scaled', fanIn: channels }, false),
    norm(`${name}/mixing/norm`, middle),
    rectifier,
    dense(`${name}/mixing/dense2`, middle, 2 * channels, { kind: 'scaled', fanIn: middle }, false),
  );
  return {
    parameters: [...branches.parameters, ...mixing.parameters],
    apply(values, x, pass) {
      const [u, v] = halves(branches.apply(values, x, pass)); // [B, H, W, F] each
      const pooled = globalAveragePool(tf.add(u, v)); // [B, F]
      const [a, b] = halves(mixing.apply(values, pooled, pass)); // [B, F] each
      const share = tf.reshape(tf.sigmoid(tf.sub(a, b)), [-1, 1, 1, channels]); // softmax of two
      return tf.add(v, tf.mul(tf.sub(u, v), share));
    },
  };
}

/** The halves of the last dimension. */
const halves = (x: Tensor) => tf.split(x, 2, -1) as [Tensor, Tensor];
