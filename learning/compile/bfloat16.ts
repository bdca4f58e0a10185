/**
 * bfloat16 as a pass over a recorded graph: convolutions, the products of a network's weights and what merely follows them work on
 * bfloat16; weights, statistics, losses, reductions and updates stay float32. A value is cast where it crosses, once.
 * Differs from PyTorch's autocast, which takes every matrix product: the similarities of NT-Xent are part of a loss.
 */
import { type Attribute, DTYPE, type End, type Graph, type Node, nodeOf } from './graph.ts';

/**
 * Which inputs of an op are bfloat16 then, and when: a worker always, a product when a factor is a weight or bfloat16 already, a
 * follower when those of its inputs that `follows` names are bfloat16 already. The first output is bfloat16 then.
 */
type Rule = { inputs: number[]; when: 'always' | 'product' | { follows: number[] } };

const worker = (...inputs: number[]): Rule => ({ inputs, when: 'always' });
const product: Rule = { inputs: [0, 1], when: 'product' };
const follower = (inputs: number[], follows = inputs): Rule => ({ inputs, when: { follows } });

const RULES: Record<string, Rule> = {
  Conv2D: worker(0, 1),
  Conv2DBackpropInput: worker(1, 2),
  Conv2DBackpropFilter: worker(0, 2),
  DepthwiseConv2dNative: worker(0, 1),
  DepthwiseConv2dNativeBackpropInput: worker(1, 2),
  DepthwiseConv2dNativeBackpropFilter: worker(0, 2),
  MatMul: product,
  BatchMatMulV2: product,
  FusedBatchNormV3: follower([0]),
  FusedBatchNormGradV3: follower([0, 1], [1]),
  Relu: follower([0]),
  ReluGrad: follower([0, 1], [1]),
  MaxPool: follower([0]),
  MaxPoolGrad: follower([0, 1, 2], [0]),
  Pad: follower([0]),
  PadV2: follower([0, 2], [0]),
  Slice: follower([0]),
  StridedSlice: follower([0]),
  Reshape: follower([0]),
  Transpose: follower([0]),
  Identity: follower([0]),
  Add: follower([0, 1]),
  AddV2: follower([0, 1]),
};

/** Ops that hand a value on in another form: a weight behind them is a weight still. */
const FORMS = new Set(['Reshape', 'Transpose', 'Identity']);

/**
 * The same graph in bfloat16, op by op in its order; inputs and results keep their dtype.
 * @param weightNames  names of the inputs that are weights
 */
export function toBfloat16(graph: Graph, weightNames: string[]): Graph {
  const { nodes, inputs: placeholders, ends } = graph;
  const done: Node[] = [];
  /** Ends that are bfloat16 in the new graph. */
  const small = new Set<End>();
  const weights = new Set<End>(weightNames.map((name) => placeholders[name]!));
  const casts = new Map<string, End>();
  const cast = (end: End, to: 'float32' | 'bfloat16'): End => {
    if (small.has(end) === (to === 'bfloat16')) return end;
    const known = casts.get(end);
    if (known) return known;
    const name = `${to}/${end.replace(':', '.')}`;
    const type = (dtype: keyof typeof DTYPE): Attribute => ({ type: DTYPE[dtype] });
    const attributes = { SrcT: type(to === 'bfloat16' ? 'float32' : 'bfloat16'), DstT: type(to) };
    done.push({ name, op: 'Cast', inputs: [end], attributes });
    casts.set(end, name);
    return name;
  };
  const results = new Set(Object.values(ends).flatMap((end) => (typeof end === 'string' ? [nodeOf(end)] : [])));
  const applies = ({ name, inputs }: Node, { when }: Rule): boolean => {
    if (results.has(name)) return false;
    if (when === 'always') return true;
    if (when === 'product') return inputs.some((end) => small.has(end) || weights.has(end));
    return when.follows.every((i) => small.has(inputs[i]!));
  };
  for (const node of nodes) {
    if (FORMS.has(node.op) && weights.has(node.inputs[0]!)) weights.add(node.name);
    const rule = RULES[node.op];
    const isFloat = node.attributes.T?.type === DTYPE.float32;
    if (rule && isFloat && applies(node, rule)) {
      const inputs = node.inputs.map((end, i) => (rule.inputs.includes(i) ? cast(end, 'bfloat16') : end));
      done.push({ ...node, inputs, attributes: { ...node.attributes, T: { type: DTYPE.bfloat16 } } });
      small.add(node.name);
    } else {
      done.push({ ...node, inputs: node.inputs.map((end) => cast(end, 'float32')) });
    }
  }
  return { ...graph, nodes: done };
}
