/** What the passes over a recorded graph leave, looked at in the graph itself. */
import { beforeAll, describe, expect, test } from 'vitest';
import { graphOf } from '../../../learning/compile/compile.ts';
import { describe as asText } from '../../../learning/compile/describe.ts';
import { DTYPE, type Graph, type Node, nodeOf } from '../../../learning/compile/graph.ts';
import { postpone } from '../../../learning/compile/postpone.ts';
import { stepGraphs } from '../../../learning/steps/graphs.ts';
import { tf } from '../../../learning/tensorflow.ts';
import { architecture, CLASSES, settings } from '../loops/scratch.ts';
import { noise } from '../tensors.ts';

const classifier = architecture({ classes: CLASSES, headLayers: 1 });
const architectures = { representation: architecture(), classifier, student: architecture({ classes: CLASSES, headLayers: 0 }) };
const recipe = settings({
  images: { train: 'nowhere', size: 16 },
  pretrain: { batch: 4, headLayers: 2, projection: 16 },
  finetune: { batch: 4 },
  distill: { batch: 4, labelled: 0.5 },
});

const typeOf = ({ attributes }: Node) => attributes.T?.type;
const named = ({ nodes }: Graph, pattern: RegExp) => nodes.filter(({ op }) => pattern.test(op));

describe('bfloat16', () => {
  let graphs: Record<string, Graph>;
  beforeAll(() => {
    graphs = stepGraphs(recipe, architectures, 'bfloat16');
  });

  test('bfloat16: every convolution, its gradients, batch norm and ReLU of every step work on it', () => {
    for (const graph of Object.values(graphs)) {
      const workers = named(graph, /^(Conv2D.*|FusedBatchNorm(Grad)?V3|Relu|ReluGrad)$/);
      expect(workers.length).toBeGreaterThan(80);
      const left = workers.filter((node) => typeOf(node) !== DTYPE.bfloat16).map(({ name }) => name);
      expect(left.filter((name) => !/BatchNorm|Relu/.test(name))).toEqual([]);
      expect(left.length).toBeLessThan(8); // those of the head’s first layer, whose input is a mean
    }
  });

  test('bfloat16: losses, reductions and updates stay float32, and so does the state', () => {
    const precise = /SoftmaxCrossEntropy|L2Loss|^Sum$|^Mean$|^Rsqrt$|^Mul$|^Sub$|MatrixSetDiag|^AvgPool/;
    for (const graph of Object.values(graphs)) {
      for (const node of named(graph, precise)) expect(typeOf(node), node.name).not.toBe(DTYPE.bfloat16);
      for (const { attributes } of named(graph, /AssignVariableOp/)) expect(attributes.dtype).toEqual({ type: DTYPE.float32 });
    }
  });

  test('bfloat16: the similarities of NT-Xent are products in float32, those of the head are not', () => {
    const products = named(graphs.pretrain!, /MatMul/).map(typeOf);
    expect(products).toContain(DTYPE.bfloat16);
    expect(products).toContain(DTYPE.float32);
  });
});

test('stepGraphs: each state is read once and assigned once, and the metrics wait for all assignments', () => {
  const { pretrain } = stepGraphs(recipe, architectures, 'float32');
  const [reads, assignments] = [named(pretrain!, /^ReadVariableOp$/), named(pretrain!, /^AssignVariableOp$/)];
  expect(new Set(reads.map(({ inputs }) => inputs[0])).size).toBe(reads.length);
  expect(assignments.length).toBe(reads.length);
  const waiting = pretrain!.nodes.filter(({ inputs }) => inputs.filter((input) => input.startsWith('^')).length === assignments.length);
  expect(waiting.map(({ name }) => name)).toEqual([Object.values(pretrain!.ends)[0]]);
});

test('postpone: what looks at the state alone waits for what it is combined with', () => {
  const momentum = { v: noise([3], 1), w: noise([3], 2), g: noise([3], 3) };
  const graph = graphOf(({ v, w, g }) => ({ v: tf.add(tf.mul(tf.mul(v!, 0.9), 2), tf.exp(g!)), w: tf.mul(w!, g!) }), momentum);
  const late = postpone(graph, ['v', 'w']);
  const early = late.nodes
    .filter(({ op }) => op === 'Mul')
    .map(({ inputs }) => inputs.filter((input) => input.startsWith('^')).map(nodeOf));
  const exp = late.nodes.find(({ op }) => op === 'Exp')!.name;
  expect(early).toEqual([[exp], [exp], []]);
  const place = new Map(late.nodes.map(({ name }, i) => [name, i]));
  for (const { name, inputs } of late.nodes) {
    for (const input of inputs) expect(place.get(nodeOf(input))!, `${input} before ${name}`).toBeLessThan(place.get(name)!);
  }
});

test('describe: one line an op with attributes, results and a count', () => {
  const text = asText(graphOf(({ x }) => ({ y: tf.mul(tf.relu(x!), 3) }), { x: noise([2, 3], 1) }));
  expect(text).toContain('x_0 = Placeholder() {dtype: float32, shape: [2,3]}');
  expect(text).toContain('Relu_0 = Relu(x_0) {T: float32}');
  expect(text).toMatch(/Const_0 = Const\(\) \{float32 \[\]: 3\}/);
  expect(text).toMatch(/^y <- Identity_0$/m);
  expect(text).toMatch(/5 ops: Const 1, Identity 1, Mul 1, Placeholder 1, Relu 1/);
});

test('open: what is no multiple of the open size and a rest is refused by the name of the op that takes it', () => {
  const refused = (work: Parameters<typeof graphOf>[0]) => () => graphOf(work, { x: noise([4, 3], 1) }, { open: ['x'] });
  expect(refused(({ x }) => ({ y: tf.mul(x!, Math.sqrt(x!.shape[0]!)) }))).toThrow(/open dimension otherwise: Mul takes a constant/);
  expect(refused(({ x }) => ({ y: x!.shape[0]! > 4 ? tf.exp(x!) : tf.sin(x!) }))).toThrow(/Sin is not there at every size/);
  expect(refused(({ x }) => ({ y: x!.shape[0]! > 4 ? tf.exp(tf.sin(x!)) : tf.sin(x!) }))).toThrow(/same ops at every size/);
});
