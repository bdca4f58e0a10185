/**
 * An open leading dimension: the function is recorded at three sizes. Where the recordings differ, they may differ only in whole
 * numbers a·size + b, and these are worked out when the function runs. Three sizes cannot prove that a function does the same at
 * every size; they are chosen so that what rounds, branches or has a limit is likely to differ.
 */
import { isDeepStrictEqual } from 'node:util';
import { constant, constantOf, DTYPE, type Graph, type Node } from './graph.ts';
import { record, refusal, type Spec, type Tensors } from './record.ts';

/** Two sizes find the line, the third checks it: even and odd, small and large. */
const SIZES: [number, number, number] = [2, 5, 515];
/** Name of the end that holds the size at run time, int32 []. */
const SIZE = 'leading/size';

/** One node, or one number, at each of the sizes. */
type Thrice<T> = [T, T, T];

/**
 * @param open  names of the inputs whose leading dimension is open; it is one size for all of them
 * @throws Error where the ops differ from size to size, or a constant is not a·size + b in whole numbers; those of `record`
 */
export function recordOpen(inputs: Record<string, Spec>, work: (inputs: Tensors) => Tensors, open: string[]): Graph {
  const closed = open.find((name) => !inputs[name]?.shape.length);
  if (closed !== undefined) throw refusal(`its open inputs must be there and have a dimension: "${closed}"`);
  const [first, ...others] = SIZES.map((size) => record(resized(inputs, open, size), work)) as Thrice<Graph>;
  if (others.some(({ nodes, ends }) => nodes.length !== first.nodes.length || !isDeepStrictEqual(ends, first.ends))) {
    throw refusal('it must be the same ops at every size of its open dimension: their number differs');
  }
  const thrice = first.nodes.map((node, i) => [node, others[0]!.nodes[i]!, others[1]!.nodes[i]!] as Thrice<Node>);
  const isInput = ([{ op }]: Thrice<Node>) => op === 'Placeholder';
  const placeholders = thrice.filter(isInput).map(opened);
  const rest = thrice.filter((each) => !isInput(each)).flatMap((each) => joined(each, first.nodes));
  const measured = thrice.find((each) => isInput(each) && !isDeepStrictEqual(each[0], each[1]));
  return { ...first, nodes: [...placeholders, ...(measured ? sizeOf(measured[0]) : []), ...rest] };
}

const resized = (inputs: Record<string, Spec>, open: string[], size: number): Record<string, Spec> =>
  Object.fromEntries(
    Object.entries(inputs).map(([name, { dtype, shape }]) => [
      name,
      { dtype, shape: open.includes(name) ? [size, ...shape.slice(1)] : shape },
    ]),
  );

/** A placeholder whose leading dimension differs has −1 there. */
function opened([node, other]: Thrice<Node>): Node {
  if (isDeepStrictEqual(node, other)) return node;
  const { dim } = (node.attributes.shape as { shape: { dim: { size: number }[] } }).shape;
  return { ...node, attributes: { ...node.attributes, shape: { shape: { dim: [{ size: -1 }, ...dim.slice(1)] } } } };
}

/** The ops that measure the leading dimension of an input. */
function sizeOf({ name, attributes }: Node): Node[] {
  const index = { type: DTYPE.int32 };
  const flags = { begin_mask: { i: 0 }, end_mask: { i: 0 }, ellipsis_mask: { i: 0 }, new_axis_mask: { i: 0 }, shrink_axis_mask: { i: 1 } };
  return [
    { name: 'leading/shape', op: 'Shape', inputs: [name], attributes: { T: attributes.dtype!, out_type: index } },
    constant('leading/begin', DTYPE.int32, [1], Int32Array.of(0)),
    constant('leading/end', DTYPE.int32, [1], Int32Array.of(1)),
    {
      name: SIZE,
      op: 'StridedSlice',
      inputs: ['leading/shape', 'leading/begin', 'leading/end', 'leading/end'],
      attributes: { T: index, Index: index, ...flags },
    },
  ];
}

/** One node for all sizes. */
function joined(each: Thrice<Node>, nodes: Node[]): Node[] {
  const [node, ...others] = each;
  if (others.every((other) => isDeepStrictEqual(node, other))) return [node];
  const refuse = (what: string) => refusal(`its results must not depend on the size of the open dimension otherwise: ${what}`);
  if (each.some(({ op }) => op !== node.op)) throw refuse(`${node.op} is not there at every size`);
  if (node.op !== 'Const') throw refuse(`${node.op} has other attributes or inputs at another size`);
  const [a, b, c] = each.map(constantOf) as Thrice<ReturnType<typeof constantOf>>;
  if (![DTYPE.float32, DTYPE.int32, DTYPE.bool].some((dtype) => dtype === a.dtype)) throw refuse(`a constant of DataType ${a.dtype}`);
  const numbers = isDeepStrictEqual(a.shape, b.shape) && lineOf([a.values, b.values, c.values]);
  if (numbers) return atRunTime(node.name, numbers, a.shape, a.dtype);
  const sides = a.shape.length === b.shape.length && lineOf([a.shape, b.shape, c.shape]);
  const isUniform = [a, b, c].every(({ values }) => values.every((value) => value === a.values[0]));
  if (sides && isUniform) return filled(node, sides, a.values[0] ?? 0);
  const users = nodes.filter(({ inputs }) => inputs.includes(node.name)).map(({ op }) => op);
  throw refuse(`${users.join(' and ')} takes a constant that is not a·size + b in whole numbers`);
}

type Line = { times: number[]; plus: number[] };

/** times · size + plus, element by element, in whole numbers; undefined where there is no such line. */
function lineOf([a, b, c]: Thrice<number[]>): Line | undefined {
  const times = a.map((value, i) => (b[i]! - value) / (SIZES[1] - SIZES[0]));
  const plus = a.map((value, i) => value - times[i]! * SIZES[0]);
  const fits = c.every((value, i) => value === times[i]! * SIZES[2] + plus[i]!);
  return fits && [...times, ...plus].every(Number.isInteger) ? { times, plus } : undefined;
}

/** times · size + plus as ops; the last one has the given name. */
function atRunTime(name: string, { times, plus }: Line, shape: number[], dtype: number = DTYPE.int32): Node[] {
  const T = { type: DTYPE.int32 };
  const isWhole = dtype === DTYPE.int32;
  const sum = isWhole ? name : `${name}/whole`;
  const nodes: Node[] = [
    constant(`${name}/times`, DTYPE.int32, shape, Int32Array.from(times)),
    constant(`${name}/plus`, DTYPE.int32, shape, Int32Array.from(plus)),
    { name: `${name}/product`, op: 'Mul', inputs: [`${name}/times`, SIZE], attributes: { T } },
    { name: sum, op: 'AddV2', inputs: [`${name}/product`, `${name}/plus`], attributes: { T } },
  ];
  if (!isWhole) nodes.push({ name, op: 'Cast', inputs: [sum], attributes: { SrcT: T, DstT: { type: dtype } } });
  return nodes;
}

/** A constant of one value whose sides grow with the size. */
function filled({ name, attributes }: Node, sides: Line, value: number): Node[] {
  const type = attributes.dtype!;
  const dtype = type.type as number;
  const data = dtype === DTYPE.float32 ? Float32Array.of(value) : dtype === DTYPE.bool ? Uint8Array.of(value) : Int32Array.of(value);
  return [
    ...atRunTime(`${name}/sides`, sides, [sides.times.length]),
    constant(`${name}/value`, dtype, [], data),
    { name, op: 'Fill', inputs: [`${name}/sides`, `${name}/value`], attributes: { T: type, index_type: { type: DTYPE.int32 } } },
  ];
}
