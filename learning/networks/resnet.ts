/**
 * ResNet as SimCLR builds it (google-research/simclr, tf2/resnet.py): activation after the sum, stride on the 3×3 convolution, a
 * projection shortcut in the first block of every group, no biases, last gamma of each residual branch 0. With selective kernels it has
 * the stem and the shortcuts of ResNet-D (He et al. 2018, arXiv 1812.01187) too. `shortcut`, `padding` and `colours` make it
 * torchvision's.
 */
import type { Architecture } from '../../contracts/trainer.ts';
import { globalAveragePool, shortcutPool, stemPool } from '../ops/pool.ts';
import { relu } from '../ops/relu.ts';
import { tf } from '../tensorflow.ts';
import { chain, conv, type Layer, norm, rectifier } from './layers.ts';
import { selectiveKernel } from './selective-kernel.ts';

type Encoder = Architecture['encoder'];

const BLOCKS = {
  18: [2, 2, 2, 2],
  34: [3, 4, 6, 3],
  50: [3, 4, 6, 3],
  101: [3, 4, 23, 3],
  152: [3, 8, 36, 3],
  200: [3, 24, 36, 3],
} as const;
const isBottleneck = ({ depth }: Encoder) => depth >= 50;

/** Of ImageNet's training images, red, green and blue, each 0 to 1: what torchvision's weights were taught with. */
const IMAGENET_COLOURS = { mean: [0.485, 0.456, 0.406], deviation: [0.229, 0.224, 0.225] };

/** Channels at a width multiplier: rounded, at least 8. */
const channels = (base: number, { width }: Encoder) => Math.max(8, Math.round(base * width));
const outputOf = (group: number, encoder: Encoder) => channels(64 * 2 ** group, encoder) * (isBottleneck(encoder) ? 4 : 1);

/** Length of the feature vector: 512·width, or 2048·width from depth 50 on. */
export const featureCount = (encoder: Encoder): number => outputOf(3, encoder);

/**
 * Encoder of images: float32 [B, H, W, 3] in 0..1 → features [B, F].
 * Stem `small`: 3×3, stride 1, no pooling; `imagenet`: 7×7, stride 2 (with selective kernels three 3×3, the first of stride 2), then
 * the 3×3 max pool.
 */
export function resnet(encoder: Encoder): Layer {
  const groups = BLOCKS[encoder.depth].flatMap((count, group) =>
    Array.from({ length: count }, (_, i) => block(`encoder/group${group + 1}/block${i + 1}`, group, i === 0, encoder)),
  );
  const pool: Layer = { parameters: [], apply: (_values, x) => globalAveragePool(x) };
  return chain(colours(encoder), stem(encoder), ...groups, pool);
}

/** What the first convolution sees of the pixels. Torchvision's: dark is below 0, so that the zeros around an image are no black frame. */
const colours = (encoder: Encoder): Layer => ({
  parameters: [],
  apply: (_values, x) => (encoder.colours === 'torchvision' ? tf.div(tf.sub(x, IMAGENET_COLOURS.mean), IMAGENET_COLOURS.deviation) : x),
});

function stem(encoder: Encoder): Layer {
  const width = channels(64, encoder);
  const small = encoder.stem === 'small';
  const single = () =>
    chain(conv('encoder/stem/conv', 3, width, small ? 3 : 7, small ? 1 : 2, true), norm('encoder/stem/norm', width), rectifier);
  const layers = encoder.selectiveKernel && !small ? deepStem(channels(32, encoder), width) : single();
  return small ? layers : chain(layers, { parameters: [], apply: (_values, x) => stemPool(x, encoder.padding) });
}

/** The convolutions of ResNet-D's stem. */
function deepStem(inner: number, output: number): Layer {
  return chain(
    conv('encoder/stem/conv1', 3, inner, 3, 2, true),
    norm('encoder/stem/norm1', inner),
    rectifier,
    conv('encoder/stem/conv2', inner, inner, 3, 1),
    norm('encoder/stem/norm2', inner),
    rectifier,
    conv('encoder/stem/conv3', inner, output, 3, 1),
    norm('encoder/stem/norm3', output),
    rectifier,
  );
}

/** ReLU(shortcut + branch). A fresh block is ReLU(shortcut), its last gamma being 0. */
function block(name: string, group: number, first: boolean, encoder: Encoder): Layer {
  const stride = first && group > 0 ? 2 : 1;
  const inner = channels(64 * 2 ** group, encoder);
  const output = outputOf(group, encoder);
  const input = !first ? output : group === 0 ? channels(64, encoder) : outputOf(group - 1, encoder);
  const branch = isBottleneck(encoder) ? bottleneck(name, input, inner, stride, encoder) : basic(name, input, inner, stride);
  const projects = first && (encoder.shortcut !== 'torchvision' || stride > 1 || input !== output);
  const shortcut = projects ? projection(`${name}/shortcut`, input, output, stride, encoder) : undefined;
  return {
    parameters: [...(shortcut?.parameters ?? []), ...branch.parameters],
    // tidy: what the gradient does not save is freed block by block, not at the end of the pass
    apply(values, x, pass) {
      return tf.tidy(() => {
        const kept = shortcut ? shortcut.apply(values, x, pass) : x;
        return relu(tf.add(kept, branch.apply(values, x, pass)));
      });
    },
  };
}

/** The shortcut of a block whose shape changes; ResNet-D's pools, where SimCLR's skips. */
function projection(name: string, input: number, output: number, stride: 1 | 2, { selectiveKernel: pooled }: Encoder): Layer {
  const convolved = chain(conv(`${name}/conv`, input, output, 1, pooled ? 1 : stride), norm(`${name}/norm`, output));
  return pooled ? chain({ parameters: [], apply: (_values, x) => shortcutPool(x, stride) }, convolved) : convolved;
}

function basic(name: string, input: number, output: number, stride: number): Layer {
  return chain(
    conv(`${name}/conv1`, input, output, 3, stride),
    norm(`${name}/norm1`, output),
    rectifier,
    conv(`${name}/conv2`, output, output, 3, 1),
    norm(`${name}/norm2`, output, { gamma: 0 }),
  );
}

function bottleneck(name: string, input: number, inner: number, stride: number, encoder: Encoder): Layer {
  const plain = () => chain(conv(`${name}/conv2`, inner, inner, 3, stride), norm(`${name}/norm2`, inner), rectifier);
  return chain(
    conv(`${name}/conv1`, input, inner, 1, 1),
    norm(`${name}/norm1`, inner),
    rectifier,
    encoder.selectiveKernel ? selectiveKernel(name, inner, stride) : plain(),
    conv(`${name}/conv3`, inner, 4 * inner, 1, 1),
    norm(`${name}/norm3`, 4 * inner, { gamma: 0 }),
  );
}
