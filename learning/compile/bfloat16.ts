/**
 * bfloat16 as a pass over a recorded graph: convolutions, matrix products and batch norm, and what merely follows them, work on
 * bfloat16; weights, statistics, losses, reductions and updates stay float32. A value is cast where it crosses, once.
 */
import { type Attribute, DTYPE, type End, type Node } from './graph.ts';

/** Which inputs and outputs of an op are bfloat16; the attribute that says so. */
type Rule = { attribute: string; inputs: number[]; outputs: number[]; always: boolean };

const worker = (inputs: number[]): Rule => ({ attribute: 'T', inputs, outputs: [0], always: true });
const follower = (inputs: number[], attribute = 'T'): Rule => ({ attribute, inputs, outputs: [0], always: false });

const RULES: Record<string, Rule> = {
  Conv2D: worker([0, 1]),
  Conv2DBackpropInput: worker([1, 2]),
  Conv2DBackpropFilter: worker([0, 2]),
  MatMul: worker([0, 1]),
  BatchMatMulV2: worker([0, 1]),
  FusedBatchNormV3: follower([0]),
  FusedBatchNormGradV3: follower([0, 1]),
  Relu: follower([0]),
  ReluGrad: follower([0, 1]),
  MaxPool: follower([0]),
  MaxPoolGrad: follower([0, 1, 2]),
  AvgPool: follower([0]),
  Pad: follower([0]),
  PadV2: follower([0, 2]),
  Slice: follower([0]),
  Reshape: follower([0]),
  Add: follower([0, 1]),
  AddV2: follower([0, 1]),
};

/** The same graph in bfloat16; names and results are those of the graph given. */
export function toBfloat16(nodes: Node[]): Node[] {
  const done: Node[] = [];
  /** Ends that are bfloat16 in the new graph. */
  const small = new Set<End>();
  const casts = new Map<string, End>();
  const cast = (end: End, to: 'float32' | 'bfloat16'): End => {
    if (small.has(end) === (to === 'bfloat16')) return end;
    const key = `${end} ${to}`;
    const known = casts.get(key);
    if (known) return known;
    const name = `cast/${end.replace(':', '.')}`;
    const type = (dtype: number): Attribute => ({ type: dtype });
    const attributes =
      to === 'bfloat16'
        ? { SrcT: type(DTYPE.float32), DstT: type(DTYPE.bfloat16) }
        : { SrcT: type(DTYPE.bfloat16), DstT: type(DTYPE.float32) };
    done.push({ name, op: 'Cast', inputs: [end], attributes });
    casts.set(key, name);
    return name;
  };
  for (const node of nodes) {
    const rule = RULES[node.op];
    if (rule && node.attributes[rule.attribute]?.type === DTYPE.float32 && (rule.always || follows(node, rule, small))) {
      const inputs = node.inputs.map((end, i) => cast(end, rule.inputs.includes(i) ? 'bfloat16' : 'float32'));
      done.push({ ...node, inputs, attributes: { ...node.attributes, [rule.attribute]: { type: DTYPE.bfloat16 } } });
      for (const output of rule.outputs) small.add(output === 0 ? node.name : `${node.name}:${output}`);
    } else {
      done.push({ ...node, inputs: node.inputs.map((end) => cast(end, 'float32')) });
    }
  }
  return done;
}

/** A follower is worth it where all its values come in bfloat16 already. Sums of gradients of weights must not follow. */
const follows = (node: Node, rule: Rule, small: Set<End>): boolean =>
  node.op.startsWith('FusedBatchNorm')
    ? small.has(node.inputs[0]!) || small.has(node.inputs[1]!)
    : rule.inputs.every((i) => small.has(node.inputs[i]!));
