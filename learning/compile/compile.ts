/**
 * A pure function of tensors, written in tfjs, as one TensorFlow function: recorded once, then run in one call. What changes from
 * call to call is an input; all else is part of the function.
 */
import { backend } from '../ops/native.ts';
import type { Tensor } from '../tensorflow.ts';
import { toBfloat16 } from './bfloat16.ts';
import { type End, type Graph, prune, serialize } from './graph.ts';
import { recordOpen } from './open.ts';
import { record, specOf, type Tensors } from './record.ts';

export type { Tensors };
export type Work = (inputs: Tensors) => Tensors;
export type Precision = 'float32' | 'bfloat16';
export type Options = {
  /** `bfloat16`: convolutions and the products of weights work on it; all that comes in and goes out stays as it is. */
  precision?: Precision;
  /** Inputs whose leading dimension may be another one at every call, the same for all of them. */
  open?: string[];
  /** Inputs whose products are taken in bfloat16: the weights. All that are not open, unless it is said. */
  weights?: string[];
};

/** The graph of a function, without the ops that no result needs. Nothing is computed. @throws what `compile` throws */
export function graphOf(work: Work, inputs: Tensors, { precision, open = [], weights }: Options = {}): Graph {
  const specs = Object.fromEntries(Object.entries(inputs).map(([name, tensor]) => [name, specOf(tensor)]));
  const recorded = open.length ? recordOpen(specs, work, open) : record(specs, work);
  const wanted = Object.values(recorded.ends).filter((end) => typeof end === 'string');
  const graph = { ...recorded, nodes: prune(recorded.nodes, wanted) };
  return precision === 'bfloat16' ? toBfloat16(graph, weights ?? Object.keys(inputs).filter((name) => !open.includes(name))) : graph;
}

/**
 * Compile a function of named tensors. The first call records it; every call must have the same names, dtypes and shapes.
 * The caller owns what comes out; an input handed on unchanged comes out as the same tensor, the one that was given.
 * @param name  for people, in errors
 * @throws Error when the function cannot be a graph, naming the op and the line; when a shape is another than at first
 */
export function compile(name: string, work: Work, options: Options = {}): Work {
  let compiled: { check: Check; call: Work } | undefined;
  return (inputs) => {
    compiled ??= { check: checkOf(name, inputs, options.open), call: callable(name, graphOf(work, inputs, options)) };
    compiled.check(inputs);
    return compiled.call(inputs);
  };
}

function callable(label: string, graph: Graph): Work {
  const results = Object.entries(graph.ends);
  const names = Object.keys(graph.inputs);
  const call = register(label, graph);
  return (given) => {
    const made = call(backend().getInputTensorIds(names.map((key) => given[key]!)))[Symbol.iterator]();
    return Object.fromEntries(results.map(([key, end]) => [key, typeof end === 'string' ? made.next().value! : given[end.input]!]));
  };
}

let functions = 0;

/** Hand a graph to TensorFlow. @returns a call of it: from the ids of its inputs to its results, those that are no inputs, in order */
export function register(label: string, { nodes, inputs, ends }: Graph): (ids: number[]) => Tensor[] {
  const outputs = Object.values(ends).filter((end): end is End => typeof end === 'string');
  if (outputs.length === 0) return () => [];
  const name = `${label}_${functions++}`;
  backend().binding.addGraphFunction(name, serialize(nodes), Object.values(inputs).join(','), outputs.join(','), false);
  return (ids) =>
    backend()
      .binding.executeOp(name, [], ids, outputs.length)
      .map((handle) => backend().createOutputTensor(handle));
}

export type Check = (inputs: Tensors) => void;

/** A check that inputs are like the first ones. */
export function checkOf(label: string, first: Tensors, open: string[] = []): Check {
  const wanted = Object.entries(first).map(([name, { dtype, shape }]) => ({
    name,
    dtype,
    shape: open.includes(name) ? ['any', ...shape.slice(1)] : shape,
  }));
  const names = new Set(Object.keys(first));
  return (inputs) => {
    for (const { name, dtype, shape } of wanted) {
      const found = inputs[name];
      const fits = shape.every((side, i) => side === 'any' || found?.shape[i] === side);
      if (found?.dtype === dtype && found.shape.length === shape.length && fits) continue;
      const state = found ? `${found.dtype} [${found.shape}]` : 'nothing';
      throw new Error(`Cannot run the compiled ${label} as "${name}" must be ${dtype} [${shape}], as it was at first: ${state}`);
    }
    const leading = new Set(open.map((name) => inputs[name]!.shape[0]));
    if (leading.size > 1)
      throw new Error(`Cannot run the compiled ${label} as its open inputs must have one leading size: ${[...leading]}`);
    const extra = Object.keys(inputs).find((name) => !names.has(name));
    if (extra) throw new Error(`Cannot run the compiled ${label} as its inputs must be those of the first call: "${extra}" is new`);
  };
}
