/** Convolution padded as SimCLR pads: by the kernel size alone, whatever the stride (tf2/resnet.py `FixedPadding`). */
import { type Tensor, tf } from '../tensorflow.ts';
import { type Attributes, nativeValue, withGradient } from './native.ts';

/**
 * Channels below which a 1×1 convolution of stride 2 picks its pixels first: oneDNN's strided one writes beyond its buffers, going
 * backward, where there are 8 and the batch is odd. Where there are more it is 3 % of a step faster.
 */
const NARROW = 16;

/**
 * @param x       float32 [B, H, W, C]
 * @param kernel  float32 [k, k, C, K], k odd; (k−1)/2 zeros are added on every side
 * @param stride  s; the output side is ⌈H/s⌉ for every H
 * @param wants   whether x needs a gradient; the images of the first layer do not
 * @returns       float32 [B, ⌈H/s⌉, ⌈W/s⌉, K]
 */
export function convolution(
  x: Tensor,
  kernel: Tensor,
  stride: number,
  wants: { inputGradient: boolean } = { inputGradient: true },
): Tensor {
  const edge = ((kernel.shape[0] ?? 1) - 1) / 2;
  const isNarrow = Math.min(kernel.shape[2] ?? 0, kernel.shape[3] ?? 0) < NARROW;
  if (edge === 0 && stride > 1 && isNarrow) return convolution(everyNth(x, stride), kernel, 1, wants);
  const byHand = edge > 0 && stride > 1;
  const attributes = attributesOf(stride, edge === 0 || byHand ? 'VALID' : 'SAME');
  const padded = () => (byHand ? pad(x, edge) : x);
  const paddedSizes = x.shape.map((side, i) => (byHand && (i === 1 || i === 2) ? side + 2 * edge : side));
  const forward = () => {
    const input = padded();
    return { value: nativeValue('Conv2D', attributes, [input, kernel]), saved: [input, kernel] };
  };
  const atKernel = (dy: Tensor, input: Tensor) => nativeValue('Conv2DBackpropFilter', attributes, [input, sizes(kernel.shape), dy]);
  const atInput = (dy: Tensor, weight: Tensor) => {
    const gradient = nativeValue('Conv2DBackpropInput', attributes, [sizes(paddedSizes), weight, dy]);
    return byHand ? tf.slice(gradient, [0, edge, edge, 0], x.shape) : gradient;
  };
  return wants.inputGradient
    ? withGradient([x, kernel], forward, (dy, [input, weight]) => [atInput(dy, weight!), atKernel(dy, input!)])
    : withGradient([kernel], forward, (dy, [input]) => [atKernel(dy, input!)]);
}

/** Every n-th pixel of every n-th row, [B, H, W, C] → [B, ⌈H/n⌉, ⌈W/n⌉, C]: what a 1×1 convolution of stride n looks at. */
function everyNth(x: Tensor, n: number): Tensor {
  const [b = 0, height = 0, width = 0, channels = 0] = x.shape;
  const [h, w] = [Math.ceil(height / n), Math.ceil(width / n)];
  const picked = () => tf.stridedSlice(x, [0, 0, 0, 0], [b, height, width, channels], [1, n, n, 1]);
  const spread = (dy: Tensor) => {
    const grid = tf.pad(tf.reshape(dy, [b, h, 1, w, 1, channels]), [
      [0, 0],
      [0, 0],
      [0, n - 1],
      [0, 0],
      [0, n - 1],
      [0, 0],
    ]);
    return tf.slice(tf.reshape(grid, [b, h * n, w * n, channels]), [0, 0, 0, 0], [b, height, width, channels]);
  };
  return withGradient(
    [x],
    () => ({ value: picked(), saved: [] }),
    (dy) => [spread(dy)],
  );
}

const sizes = (shape: number[]) => tf.tensor1d(shape, 'int32');
const pad = (x: Tensor, edge: number) =>
  tf.pad(x, [
    [0, 0],
    [edge, edge],
    [edge, edge],
    [0, 0],
  ]);

/** Not EXPLICIT padding: oneDNN has no kernel for it, and TensorFlow falls back to another one. */
function attributesOf(stride: number, padding: 'SAME' | 'VALID'): Attributes {
  return {
    types: { T: 'float' },
    lists: { strides: [1, stride, stride, 1], dilations: [1, 1, 1, 1] },
    texts: { padding, data_format: 'NHWC' },
    flags: { use_cudnn_on_gpu: true },
  };
}
