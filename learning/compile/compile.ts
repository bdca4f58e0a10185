/**
 * A pure function of tensors, written in tfjs, as one TensorFlow function: recorded once, then run in one call. What changes from
 * call to call is an input; all else is part of the function.
 */
import { backend } from '../ops/native.ts';
import type { Tensor } from '../tensorflow.ts';
import { prune, serialize } from './graph.ts';
import { record } from './record.ts';

export type Tensors = Record<string, Tensor>;
type Signature = Record<string, { dtype: string; shape: number[] }>;

let functions = 0;

/**
 * Compile a function of named tensors. The first call records it; every call must have the same names, dtypes and shapes.
 * The caller owns what comes out; an input handed on unchanged comes out as the same tensor.
 * @param name  for people, in errors
 * @throws Error when the function cannot be a graph, naming the op and the line; when a shape is another than at first
 */
export function compile(name: string, work: (inputs: Tensors) => Tensors): (inputs: Tensors) => Tensors {
  let compiled: { signature: Signature; call: (inputs: Tensors) => Tensors } | undefined;
  return (inputs) => {
    compiled ??= { signature: signatureOf(inputs), call: build(name, work, inputs) };
    checkSignature(name, compiled.signature, inputs);
    return compiled.call(inputs);
  };
}

function build(label: string, work: (inputs: Tensors) => Tensors, inputs: Tensors): (inputs: Tensors) => Tensors {
  const names = Object.keys(inputs);
  const recording = record(inputs, () => work(inputs));
  const results = Object.entries(recording.ends);
  const ends = results.flatMap(([, end]) => (typeof end === 'string' ? [end] : []));
  const nodes = prune(recording.nodes, ends);
  const entries = nodes.filter(({ op }) => op === 'Placeholder').map((node) => node.name);
  const name = `${label}_${functions++}`;
  const graph = serialize(nodes);
  if (ends.length) backend().binding.addGraphFunction(name, graph, entries.join(','), ends.join(','), false);
  return (given) => {
    const ids = backend().getInputTensorIds(names.map((key) => given[key]!));
    const handles = ends.length ? backend().binding.executeOp(name, [], ids, ends.length) : [];
    const made = handles.map((handle) => backend().createOutputTensor(handle))[Symbol.iterator]();
    return Object.fromEntries(results.map(([key, end]) => [key, typeof end === 'string' ? made.next().value! : given[end.input]!]));
  };
}

const signatureOf = (inputs: Tensors): Signature =>
  Object.fromEntries(Object.entries(inputs).map(([name, { dtype, shape }]) => [name, { dtype, shape }]));

function checkSignature(label: string, wanted: Signature, inputs: Tensors): void {
  for (const [name, { dtype, shape }] of Object.entries(wanted)) {
    const found = inputs[name];
    if (found?.dtype === dtype && found.shape.length === shape.length && found.shape.every((side, i) => side === shape[i])) continue;
    const state = found ? `${found.dtype} [${found.shape}]` : 'nothing';
    throw new Error(`Cannot run the compiled ${label} as "${name}" must be ${dtype} [${shape}], as it was at first: ${state}`);
  }
  const extra = Object.keys(inputs).find((name) => !wanted[name]);
  if (extra) throw new Error(`Cannot run the compiled ${label} as its inputs must be those of the first call: "${extra}" is new`);
}
