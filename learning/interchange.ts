/**
 * Our weights under PyTorch's names and in its layouts, and back: the encoder as torchvision's ResNet, what it does not have beside it
 * (`layer1.0.mixing.0`, …: selective kernels; `conv2`, `conv3`: the rest of their stem; `head.0.0`, `head.0.1`, …: dense layers and norms
 * of the head; `fc`: the classifier). A file of either side loads on the other; docs/pytorch.py has the networks.
 */
import type { ParameterSpec } from './networks/parameters.ts';
import type { HostTensor, HostTensors, SafetensorsFile } from './safetensors.ts';

/** A parameter on the other side. */
type Counterpart = { name: string; layout: 'same' | 'convolution' | 'dense' };

const NORM = { gamma: 'weight', beta: 'bias', mean: 'running_mean', variance: 'running_var' } as const;

/** Ours first; the groups that follow become the other's name. */
const RULES: [ours: RegExp, theirs: (...groups: string[]) => string, layout: Counterpart['layout'] | 'norm'][] = [
  [/^encoder\/stem\/conv(\d?)\/kernel$/, (n) => `conv${n || 1}.weight`, 'convolution'],
  [/^encoder\/stem\/norm(\d?)\/(\w+)$/, (n, part) => `bn${n || 1}.${part}`, 'norm'],
  [
    /^encoder\/group(\d)\/block(\d+)\/conv(\d)\/kernel$/,
    (group, block, n) => `layer${group}.${Number(block) - 1}.conv${n}.weight`,
    'convolution',
  ],
  [
    /^encoder\/group(\d)\/block(\d+)\/norm(\d)\/(\w+)$/,
    (group, block, n, part) => `layer${group}.${Number(block) - 1}.bn${n}.${part}`,
    'norm',
  ],
  [
    /^encoder\/group(\d)\/block(\d+)\/shortcut\/conv\/kernel$/,
    (group, block) => `layer${group}.${Number(block) - 1}.downsample.0.weight`,
    'convolution',
  ],
  [
    /^encoder\/group(\d)\/block(\d+)\/shortcut\/norm\/(\w+)$/,
    (group, block, part) => `layer${group}.${Number(block) - 1}.downsample.1.${part}`,
    'norm',
  ],
  [
    /^encoder\/group(\d)\/block(\d+)\/mixing\/dense(\d)\/kernel$/,
    (group, block, n) => `layer${group}.${Number(block) - 1}.mixing.${n === '1' ? 0 : 3}.weight`,
    'dense',
  ],
  [
    /^encoder\/group(\d)\/block(\d+)\/mixing\/norm\/(\w+)$/,
    (group, block, part) => `layer${group}.${Number(block) - 1}.mixing.1.${part}`,
    'norm',
  ],
  [/^head\/layer(\d)\/dense\/kernel$/, (layer) => `head.${Number(layer) - 1}.0.weight`, 'dense'],
  [/^head\/layer(\d)\/norm\/(\w+)$/, (layer, part) => `head.${Number(layer) - 1}.1.${part}`, 'norm'],
  [/^classifier\/dense\/kernel$/, () => 'fc.weight', 'dense'],
  [/^classifier\/dense\/bias$/, () => 'fc.bias', 'same'],
];

/** @throws Error when there is no name for such a part */
function counterpartOf(name: string): Counterpart {
  for (const [ours, theirs, layout] of RULES) {
    const groups = ours.exec(name)?.slice(1);
    if (!groups) continue;
    if (layout !== 'norm') return { name: theirs(...groups), layout };
    const part = NORM[groups.at(-1) as keyof typeof NORM];
    if (part) return { name: theirs(...groups.slice(0, -1), part), layout: 'same' };
  }
  throw new Error(`Cannot translate the weights as every part must have a name in PyTorch: "${name}" has none`);
}

/** Axes of ours in their order: kernels are [height, width, in, out] here and [out, in, height, width] there, products [in, out] and [out, in]. */
const AXES = { convolution: [3, 2, 0, 1], dense: [1, 0], same: [] } as const;

/**
 * Our weights for PyTorch: `load_state_dict` of torchvision's `resnet18` or `resnet50` takes those of the encoder.
 * @param tensors  float32 weights and statistics by our names
 */
export function toPytorch(tensors: HostTensors): HostTensors {
  return Object.fromEntries(
    Object.entries(tensors).map(([ours, tensor]) => {
      const { name, layout } = counterpartOf(ours);
      return [name, permuted(tensor, AXES[layout])];
    }),
  );
}

/**
 * PyTorch's weights as ours. What no parameter asks for is left behind: a classifier of other classes, counters of batches; but not layers of
 * an encoder, as the network would be another one. All names may have one beginning in common (`module.`, `backbone.`), as wrappers leave it.
 * @param file        as it was read, tensors of other types left out
 * @param parameters  ours to be filled
 * @throws Error when one is missing, of another type or shape, or without a place in the encoder; the first of them are named
 */
export function fromPytorch({ tensors, leftOut = {} }: SafetensorsFile, parameters: ParameterSpec[]): HostTensors {
  const mistakes: string[] = [];
  const beginning = beginningOf(Object.keys({ ...tensors, ...leftOut }));
  const asked = new Set<string>();
  const found = parameters.flatMap(({ name: ours, shape }): [string, HostTensor][] => {
    const { name: plain, layout } = counterpartOf(ours);
    const name = `${beginning}${plain}`;
    asked.add(name);
    const tensor = tensors[name];
    if (!tensor) {
      mistakes.push(leftOut[name] ? `"${name}" is ${leftOut[name]}, wanted F32` : `"${name}" is missing`);
      return [];
    }
    const axes = AXES[layout];
    const wanted = axes.length > 0 ? axes.map((axis) => shape[axis]) : shape;
    if (tensor.dtype !== 'float32' || String(tensor.shape) !== String(wanted)) {
      mistakes.push(`"${name}" is ${tensor.dtype} [${tensor.shape}], wanted float32 [${wanted}]`);
      return [];
    }
    return [[ours, permuted(tensor, inverse(axes))]];
  });
  const surplus = Object.keys(tensors).filter((name) => !asked.has(name) && isOfEncoder(name, beginning));
  mistakes.push(...surplus.map((name) => `"${name}" has no place in it`));
  if (mistakes.length > 0) {
    const more = mistakes.length > 5 ? `; and ${mistakes.length - 5} more` : '';
    throw new Error(`Cannot read PyTorch's weights as they must fit the encoder: ${mistakes.slice(0, 5).join('; ')}${more}`);
  }
  return Object.fromEntries(found);
}

/** Weights and statistics of convolutions and norms; not the counters beside them. */
function isOfEncoder(name: string, beginning: string): boolean {
  return name.startsWith(beginning) && /^(layer|conv|bn)\d.*\.(weight|bias|running_mean|running_var)$/.test(name.slice(beginning.length));
}

/** What stands before the first convolution's name. */
function beginningOf(names: string[]): string {
  const first = names.filter((name) => /(^|\.)conv1\.weight$/.test(name)).sort((a, b) => a.length - b.length)[0];
  return first?.replace(/conv1\.weight$/, '') ?? '';
}

/** The axis that each axis came from. */
function inverse(axes: readonly number[]): number[] {
  const back = new Array<number>(axes.length);
  for (const [to, from] of axes.entries()) back[from] = to;
  return back;
}

/** A copy with its axes in another order; axis i of the result is axis `axes[i]` of `tensor`. No axes: the tensor itself. */
function permuted(tensor: HostTensor, axes: readonly number[]): HostTensor {
  if (axes.length === 0 || tensor.dtype !== 'float32') return tensor;
  const { shape, data } = tensor;
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, side) => product * side, 1));
  const [sides, steps] = [axes.map((axis) => shape[axis]!), axes.map((axis) => strides[axis]!)];
  const copy = new Float32Array(data.length);
  const at = axes.map(() => 0);
  let from = 0;
  for (let to = 0; to < copy.length; to++) {
    copy[to] = data[from]!;
    for (let axis = axes.length - 1; axis >= 0; axis--) {
      at[axis]! += 1;
      from += steps[axis]!;
      if (at[axis]! < sides[axis]!) break;
      from -= sides[axis]! * steps[axis]!;
      at[axis] = 0;
    }
  }
  return { dtype: 'float32', shape: sides, data: copy };
}
