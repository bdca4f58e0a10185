/**
 * A compiled function whose state stays in TensorFlow: a resource variable for each of its tensors, read at the start of a call and
 * assigned when its next value is there, so that the state never exists twice. The function itself is as pure as any.
 */
import { backend, binding, nativeValue } from '../ops/native.ts';
import { type Tensor, tf } from '../tensorflow.ts';
import { graphOf, type Options, register, signature, type Tensors, type Work } from './compile.ts';
import { DTYPE, type Graph, type Node } from './graph.ts';
import { postpone } from './postpone.ts';

type Compiled = { check(inputs: Tensors): void; names: string[]; results: string[]; call(ids: number[]): Tensor[] };

let held = 0;

export class Held {
  readonly #label: string;
  readonly #work: Work;
  readonly #options: Options;
  readonly #variables: Record<string, number>;
  #compiled: Compiled | undefined;

  /**
   * @param work   its inputs and results have the state under the same names, float32; recorded at the first call
   * @param state  the first values; copied, they stay the caller's
   */
  constructor(label: string, work: Work, state: Tensors, options: Options = {}) {
    this.#label = label;
    this.#work = work;
    this.#options = options;
    const place = `${label}_${held++}`;
    this.#variables = Object.fromEntries(Object.entries(state).map(([name, value]) => [name, variable(`${place}/${name}`, value)]));
  }

  /** One call: the state goes on, and what is no state comes out, the caller's. @throws what `compile` throws */
  call(inputs: Tensors): Tensors {
    this.#compiled ??= this.#compile(inputs);
    const { check, names, results, call } = this.#compiled;
    check(inputs);
    const ids = [...Object.values(this.#variables), ...backend().getInputTensorIds(names.map((name) => inputs[name]!))];
    const made = call(ids);
    return Object.fromEntries(results.map((name, i) => [name, made[i]!]));
  }

  /** The state as it stands; the tensors are the caller's, and keep their values. */
  read(): Tensors {
    return Object.fromEntries(Object.entries(this.#variables).map(([name, id]) => [name, read(id)]));
  }

  /** Free the state. */
  free(): void {
    for (const id of Object.values(this.#variables)) {
      binding().executeOp('DestroyResourceOp', [], [id], 0);
      binding().deleteTensor(id);
    }
  }

  #compile(inputs: Tensors): Compiled {
    const state = this.read();
    const graph = heldGraph(graphOf(this.#work, { ...state, ...inputs }, this.#options), Object.keys(state));
    tf.dispose(state);
    const names = Object.keys(inputs);
    return { check: signature(this.#label, inputs), names, results: Object.keys(graph.ends), call: register(this.#label, graph) };
  }
}

/** The graph that runs: `state` names the inputs that live in variables. */
export const heldGraph = (graph: Graph, state: string[]): Graph => withVariables(postpone(graph, state), state);

/** The same graph, its state in variables: read once, assigned once, and the first result waits for all assignments. */
function withVariables({ nodes, inputs, ends }: Graph, state: string[]): Graph {
  const placeholders = new Set(state.map((name) => inputs[name]!));
  const assigned = state.flatMap((name) => assignment(inputs[name]!, ends[name]));
  const results = Object.entries(ends).filter(([name]) => !state.includes(name));
  const [first] = results.map(([, end]) => end);
  const waiting = assigned.map(({ name }) => `^${name}`);
  const rest = nodes.flatMap((node) => {
    if (placeholders.has(node.name)) return [variableInput(node), reading(node)];
    return [node.name === first ? { ...node, inputs: [...node.inputs, ...waiting] } : node];
  });
  const handles = Object.fromEntries(Object.entries(inputs).map(([name, end]) => [name, placeholders.has(end) ? handleOf(end) : end]));
  return { nodes: [...rest, ...assigned], inputs: handles, ends: Object.fromEntries(results) };
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

/** Nothing for a state that is handed on as it is. After the reading in any case: what is read is the old value. */
function assignment(place: string, end: Graph['ends'][string] | undefined): Node[] {
  if (typeof end !== 'string') return [];
  return [{ name: `${place}/assign`, op: 'AssignVariableOp', inputs: [handleOf(place), end, `^${place}`], attributes: FLOAT }];
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
