/** A TensorFlow graph as data: its nodes, and their protobuf form by the package's own api.proto. */
import { createRequire } from 'node:module';
import protobuf from 'protobufjs';

const require = createRequire(import.meta.url);
/** Version of the graph format; the importer refuses what is older than it knows. TensorFlow 2.21's own is higher. */
const PRODUCER = 1882;

/** DataType of types.proto: the ones a step meets. */
export const DTYPE = { float32: 1, int32: 3, uint8: 4, int64: 9, bool: 10, bfloat16: 14, resource: 20 } as const;

/** An AttrValue, as protobufjs reads it from a plain object: `{ type: 1 }`, `{ list: { i: [1, 2] } }`, … */
export type Attribute = Record<string, unknown>;
/** One end of a node: `name` for its first output, `name:i` for the others. */
export type End = string;
export type Node = { name: string; op: string; inputs: End[]; attributes: Record<string, Attribute> };
/**
 * A function as a graph. `inputs`: the placeholder of each; `ends`: where each result comes from, or the input it is, unchanged;
 * `results`: dtype and shape of each, `float32 [2,3]`.
 */
export type Graph = {
  nodes: Node[];
  inputs: Record<string, End>;
  ends: Record<string, End | { input: string }>;
  results: Record<string, string>;
};

let root: protobuf.Root | undefined;
function messageType(name: string): protobuf.Type {
  const proto = require.resolve('@tensorflow/tfjs-node-gpu/package.json').replace('package.json', 'src/proto/api.proto');
  root ??= protobuf.loadSync(proto);
  return root.lookupType(`tensorflow.${name}`);
}

/** What an op takes: its inputs in order, each naming the attributes that hold its dtype or, for a list, its length or dtypes. */
export type OpDefinition = {
  inputArg: { typeAttr: string; numberAttr: string; typeListAttr: string }[];
  isStateful: boolean;
};

/** Read a serialized OpDef. */
export const readOpDefinition = (bytes: Uint8Array): OpDefinition => messageType('OpDef').decode(bytes) as unknown as OpDefinition;

/** What the inputs say of an op's attributes: eager TensorFlow fills these in by itself, a graph must have them. */
export function impliedAttributes({ inputArg }: OpDefinition, dtypes: number[]): Record<string, Attribute> {
  const implied: Record<string, Attribute> = {};
  let at = 0;
  for (const [i, { typeAttr, numberAttr, typeListAttr }] of inputArg.entries()) {
    const isList = numberAttr !== '' || typeListAttr !== '';
    const count = isList ? dtypes.length - at - (inputArg.length - 1 - i) : 1; // one list an op: what the others leave
    if (numberAttr) implied[numberAttr] = { i: count };
    if (typeAttr) implied[typeAttr] = { type: dtypes[at] };
    if (typeListAttr) implied[typeListAttr] = { list: { type: dtypes.slice(at, at + count) } };
    at += count;
  }
  return implied;
}

/** The name of the node an end, or a control input `^name`, belongs to. */
export const nodeOf = (end: End): string => end.split(':')[0]!.replace('^', '');

/** A GraphDef of these nodes, serialized. */
export function serialize(nodes: Node[]): Uint8Array {
  const node = nodes.map(({ name, op, inputs, attributes }) => ({ name, op, input: inputs, attr: attributes }));
  const type = messageType('GraphDef');
  return type.encode(type.fromObject({ node, versions: { producer: PRODUCER } })).finish();
}

/** The nodes that `wanted` ends need, and all placeholders; in their order. */
export function prune(nodes: Node[], wanted: End[]): Node[] {
  const byName = new Map(nodes.map((node) => [node.name, node]));
  const needed = new Set<string>();
  const left = wanted.map(nodeOf);
  for (let name = left.pop(); name !== undefined; name = left.pop()) {
    if (needed.has(name)) continue;
    needed.add(name);
    left.push(...(byName.get(name)?.inputs ?? []).map(nodeOf));
  }
  return nodes.filter(({ name, op }) => needed.has(name) || op === 'Placeholder');
}

type Values = Float32Array | Int32Array | Uint8Array;

/** A constant. Where all values are equal, one of them is stored. */
export function constant(name: string, dtype: number, shape: number[], data: Values): Node {
  const tensorShape = { dim: shape.map((size) => ({ size })) };
  const uniform = data.length > 0 && dtype !== DTYPE.int64 && data.every((value) => value === data[0] && !Object.is(value, -0));
  const single: Record<number, string> = { [DTYPE.float32]: 'floatVal', [DTYPE.int32]: 'intVal', [DTYPE.bool]: 'boolVal' };
  const field = single[dtype];
  const value =
    uniform && field
      ? { [field]: [dtype === DTYPE.bool ? Boolean(data[0]) : data[0]] }
      : { tensorContent: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) };
  return { name, op: 'Const', inputs: [], attributes: { dtype: { type: dtype }, value: { tensor: { dtype, tensorShape, ...value } } } };
}

/** What a constant holds; int64 is not read. */
export function constantOf({ attributes }: Node): { dtype: number; shape: number[]; values: number[] } {
  const { tensor } = attributes.value as { tensor: Record<string, unknown> };
  const { dim } = tensor.tensorShape as { dim: { size: number }[] };
  const shape = dim.map(({ size }) => size);
  const dtype = tensor.dtype as number;
  const [single] = (tensor.floatVal ?? tensor.intVal ?? tensor.boolVal ?? []) as (number | boolean)[];
  const count = shape.reduce((a, b) => a * b, 1);
  if (single !== undefined) return { dtype, shape, values: new Array<number>(count).fill(Number(single)) };
  const { buffer, byteOffset } = tensor.tensorContent as Uint8Array<ArrayBuffer>;
  const Values = dtype === DTYPE.float32 ? Float32Array : dtype === DTYPE.int32 ? Int32Array : Uint8Array;
  return { dtype, shape, values: Array.from(new Values(buffer, byteOffset, count)) };
}

/** An input of the graph. */
export function placeholder(name: string, dtype: number, shape: number[]): Node {
  return {
    name,
    op: 'Placeholder',
    inputs: [],
    attributes: { dtype: { type: dtype }, shape: { shape: { dim: shape.map((size) => ({ size })) } } },
  };
}
