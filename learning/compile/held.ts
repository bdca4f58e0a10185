/**
 * A compiled function whose state stays in TensorFlow: a resource variable for each of its tensors, read at the start of a call and
 * assigned when its next value is there, so that the state never exists twice. The function itself is as pure as any.
 */
import { backend, binding, nativeValue } from '../ops/native.ts';
import { type Tensor, tf } from '../tensorflow.ts';
import { type Check, checkOf, graphOf, type Options, register, type Tensors, type Work } from './compile.ts';
import { constant, DTYPE, type End, type Graph, type Node } from './graph.ts';
import { postpone } from './postpone.ts';

type Compiled = { check: Check; names: string[]; results: string[]; call(ids: number[]): Tensor[] };

let held = 0;

export class Held {
  readonly #label: string;
  readonly #work: Work;
  readonly #options: Options;
  #variables: Record<string, number> | undefined;
  #compiled: Compiled | undefined;

  /**
   * @param work   its inputs and results have the state under the same names; recorded at the first call
   * @param state  the first values, float32; copied, they stay the caller's
   */
  constructor(label: string, work: Work, state: Tensors, options: Options = {}) {
    this.#label = label;
    this.#work = work;
    this.#options = { weights: Object.keys(state), ...options };
    const other = Object.entries(state).find(([, { dtype }]) => dtype !== 'float32');
    if (other) throw new Error(`Cannot hold the state of ${label} as it must be float32: "${other[0]}" is ${other[1].dtype}`);
    const place = `${label}_${held++}`;
    this.#variables = Object.fromEntries(Object.entries(state).map(([name, value]) => [name, variable(`${place}/${name}`, value)]));
  }

  /**
   * One call: the state goes on, and what is no state comes out, the caller's. A call that fails leaves some of the state as it was
   * and some further on.
   * @throws what `compile` throws; Error when the function changes the shape of its state
   */
  call(inputs: Tensors): Tensors {
    const variables = this.#alive();
    this.#compiled ??= this.#compile(inputs);
    const { check, names, results, call } = this.#compiled;
    check(inputs);
    const made = call(names.map((name) => variables[name] ?? backend().getInputTensorIds([inputs[name]!])[0]!));
    return Object.fromEntries(results.map((name, i) => [name, made[i]!]));
  }

  /** The state as it stands; the tensors are the caller's, and keep their values. */
  read(): Tensors {
    return Object.fromEntries(Object.entries(this.#alive()).map(([name, id]) => [name, read(id)]));
  }

  /** Free the state. */
  free(): void {
    for (const id of Object.values(this.#alive())) {
      binding().executeOp('DestroyResourceOp', [], [id], 0);
      binding().deleteTensor(id);
    }
    this.#variables = undefined;
  }

  #alive(): Record<string, number> {
    if (this.#variables) return this.#variables;
    throw new Error(`Cannot go on with ${this.#label} as its state must be there: it was freed`);
  }

  #compile(inputs: Tensors): Compiled {
    const state = this.read();
    try {
      const names = Object.keys(state);
      const both = names.find((name) => inputs[name]);
      if (both !== undefined) throw new Error(`Cannot compile ${this.#label} as a name must be of the state or of the inputs: "${both}"`);
      const pure = graphOf(this.#work, { ...state, ...inputs }, this.#options);
      checkState(this.#label, state, pure);
      const graph = heldGraph(pure, names);
      const results = Object.keys(pure.ends).filter((name) => !state[name]);
      const check = checkOf(this.#label, inputs, this.#options.open);
      return { check, names: Object.keys(graph.inputs), results, call: register(this.#label, graph) };
    } finally {
      tf.dispose(state);
    }
  }
}

/** @throws Error when a state comes out with another dtype or shape */
function checkState(label: string, state: Tensors, { results }: Graph): void {
  for (const [name, { dtype, shape }] of Object.entries(state)) {
    const [before, after] = [`${dtype} [${shape}]`, results[name]];
    if (after !== undefined && after !== before) {
      throw new Error(`Cannot compile ${label} as its state must keep its dtype and shape: "${name}" is ${before} and becomes ${after}`);
    }
  }
}

/** The graph that runs: `state` names the inputs that live in variables. */
export const heldGraph = (graph: Graph, state: string[]): Graph => withVariables(postpone(graph, state), state);

/** The same graph, its state in variables: read once, assigned once, and the first result waits for all assignments. */
function withVariables(graph: Graph, state: string[]): Graph {
  const { nodes, inputs, ends } = graph;
  const placeholders = new Set(state.map((name) => inputs[name]!));
  const assigned = state.flatMap((name) => assignment(inputs, name, ends[name]));
  const waiting = assigned.map(({ name }) => `^${name}`);
  const results = resultsBeside(graph, state);
  const first = results[0]!.end;
  const all = [...nodes, ...results.flatMap(({ node }) => node ?? [])].flatMap((node) => {
    if (placeholders.has(node.name)) return [variableInput(node), reading(node)];
    return [node.name === first ? { ...node, inputs: [...node.inputs, ...waiting] } : node];
  });
  return {
    ...graph,
    nodes: [...all, ...assigned],
    inputs: Object.fromEntries(Object.entries(inputs).map(([name, end]) => [name, placeholders.has(end) ? handleOf(end) : end])),
    ends: Object.fromEntries(results.map(({ name, end }) => [name, end])),
  };
}

type Result = { name: string; end: End; node?: Node };

/** The results that are no state, each an op. Where there is none there is one that nobody asked for, so that the function runs. */
function resultsBeside(graph: Graph, state: string[]): Result[] {
  const results = Object.entries(graph.ends)
    .filter(([name]) => !state.includes(name))
    .map(([name, end], i) => (typeof end === 'string' ? { name, end } : handedOn(name, `handed/${i}`, end.input, graph)));
  const end = 'held/done';
  return results.length ? results : [{ name: '', end, node: constant(end, DTYPE.int32, [], Int32Array.of(0)) }];
}

/** A result that is an input, as an op. */
function handedOn(name: string, end: End, input: string, { nodes, inputs }: Graph): Result {
  const place = inputs[input]!;
  const { attributes } = nodes.find((node) => node.name === place)!;
  return { name, end, node: { name: end, op: 'Identity', inputs: [place], attributes: { T: attributes.dtype! } } };
}

const handleOf = (end: string) => `${end}/variable`;
const FLOAT = { dtype: { type: DTYPE.float32 } };

const variableInput = ({ name }: Node): Node => ({
  name: handleOf(name),
  op: 'Placeholder',
  inputs: [],
  attributes: { dtype: { type: DTYPE.resource }, shape: { shape: { dim: [] } } },
});

const reading = ({ name }: Node): Node => ({ name, op: 'ReadVariableOp', inputs: [handleOf(name)], attributes: FLOAT });

/** Nothing for a state that stays as it is. After its reading in any case: what is read is the old value. */
function assignment(inputs: Graph['inputs'], name: string, end: Graph['ends'][string] | undefined): Node[] {
  if (end === undefined || (typeof end !== 'string' && end.input === name)) return [];
  const place = inputs[name]!;
  const value = typeof end === 'string' ? end : inputs[end.input]!;
  return [{ name: `${place}/assign`, op: 'AssignVariableOp', inputs: [handleOf(place), value, `^${place}`], attributes: FLOAT }];
}

const float = () => [{ name: 'dtype', type: binding().TF_ATTR_TYPE, value: binding().TF_FLOAT }];

/** A variable with a copy of the value: an array of V8 must not be freed by one of TensorFlow's threads. */
function variable(name: string, value: Tensor): number {
  const { TF_ATTR_SHAPE, TF_ATTR_STRING } = binding();
  const attributes = [
    ...float(),
    { name: 'shape', type: TF_ATTR_SHAPE, value: value.shape },
    { name: 'shared_name', type: TF_ATTR_STRING, value: name },
    { name: 'container', type: TF_ATTR_STRING, value: '' },
  ];
  const { id } = binding().executeOp('VarHandleOp', attributes, [], 1)[0]!;
  const copy = nativeValue('DeepCopy', { types: { T: 'float' } }, [value]);
  binding().executeOp('AssignVariableOp', float(), [id, backend().getInputTensorIds([copy])[0]!], 0);
  copy.dispose();
  return id;
}

function read(id: number): Tensor {
  return backend().createOutputTensor(binding().executeOp('ReadVariableOp', float(), [id], 1)[0]!);
}
