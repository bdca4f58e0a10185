/**
 * Recording: a function of tensors is called once, with the native binding replaced by one that writes down every op instead of
 * running it. TensorFlow infers dtypes and shapes, so nothing is computed and no intermediate takes memory.
 */
import { type Binding, backend, type NativeAttribute } from '../ops/native.ts';
import { type Tensor, tf } from '../tensorflow.ts';
import {
  type Attribute,
  constant,
  DTYPE,
  type End,
  type Graph,
  impliedAttributes,
  type Node,
  nodeOf,
  type OpDefinition,
  placeholder,
  readOpDefinition,
  serialize,
} from './graph.ts';

type Constant = { shape: number[]; dtype: number; data: Float32Array | Int32Array | Uint8Array };

/** Outputs that only their own gradient reads, so that TensorFlow infers no shape: what tfjs is told instead. */
const SHAPELESS: Record<string, Record<number, number[]>> = { FusedBatchNormV3: { 5: [0] } };

const DEFINITIONS = new Map<string, OpDefinition>();

const KNOWN = new Set<number>(Object.values(DTYPE));

/** Ids of recorded tensors: far from those that the binding counts up from 0. */
const FIRST_ID = 2 ** 30;

/** What an input is like: its DataType and shape. */
export type Spec = { dtype: number; shape: number[] };

/** The spec of a tensor; its values are with TensorFlow from here on. */
export function specOf(tensor: Tensor): Spec {
  backend().getInputTensorIds([tensor]);
  return { dtype: backend().tensorMap.get(tensor.dataId).dtype, shape: tensor.shape };
}

/**
 * @param inputs  what the function may use, by name; it is given stand-ins without values
 * @param work    pure: it reads no value, draws nothing at random, assigns no variable
 * @throws Error that names the op or the rule, and the line, where the function cannot be a graph
 */
export function record(inputs: Record<string, Spec>, work: (inputs: Tensors) => Tensors): Graph {
  const recorder = new Recorder();
  return recorder.watch(() => {
    const given = Object.fromEntries(Object.entries(inputs).map(([name, spec]) => [name, recorder.input(name, spec)]));
    let results: Tensors = {};
    try {
      results = tf.tidy(() => work(given));
      const entries = Object.entries(results);
      const ends = Object.fromEntries(entries.map(([name, tensor]) => [name, recorder.resultEnd(tensor)]));
      const specs = Object.fromEntries(entries.map(([name, { dtype, shape }]) => [name, `${dtype} [${shape}]`]));
      return { nodes: recorder.nodes, inputs: recorder.placeholders, ends, results: specs };
    } finally {
      tf.dispose([...new Set([...Object.values(given), ...Object.values(results)])]);
    }
  });
}

export type Tensors = Record<string, Tensor>;
/** Ids of recorded tensors count on from one recording to the next, so that none is taken for another's. */
let nextId = FIRST_ID;

class Recorder {
  readonly nodes: Node[] = [];
  /** The placeholder of each input. */
  readonly placeholders: Record<string, End> = {};
  readonly #backend = backend();
  readonly #binding: Binding = this.#backend.binding;
  readonly #ends = new Map<number, End>();
  readonly #dtypes = new Map<End, number>();
  readonly #constants = new Map<number, Constant>();
  readonly #inputs = new Map<Tensor, string>();

  /** A stand-in for an input, and its placeholder. */
  input(name: string, { dtype, shape }: Spec): Tensor {
    const node = placeholder(this.#free(name), dtype, shape);
    this.#append(node);
    this.placeholders[name] = node.name;
    const id = nextId++;
    this.#ends.set(id, node.name);
    const tensor = this.#backend.createOutputTensor({ id, shape, dtype });
    this.#inputs.set(tensor, name);
    return tensor;
  }

  /** Run `work` with the recorder in place of the binding, and the traps set for what cannot be recorded. */
  watch<T>(work: () => T): T {
    const made = new WeakSet<object>();
    const target = this.#backend;
    const { move, getInputTensorIds, binding } = target;
    const { random } = Math;
    const { assign } = tf.Variable.prototype;
    const gather = tf.getKernel('GatherV2', 'tensorflow');
    try {
      target.binding = this.#recordingBinding();
      target.move = (dataId, ...rest) => {
        made.add(dataId);
        return move.call(target, dataId, ...rest);
      };
      target.getInputTensorIds = (tensors) => {
        for (const { dataId } of tensors) {
          if (dataId && target.tensorMap.get(dataId).values && !made.has(dataId)) throw capturedError();
        }
        return getInputTensorIds.call(target, tensors);
      };
      Math.random = () => {
        throw refusal('it must draw nothing at random: pass the draw in with the batch');
      };
      tf.Variable.prototype.assign = () => {
        throw refusal('it must assign no tf.Variable: return the new value in the state');
      };
      replaceKernel(gather, gatherWithoutReading);
      return work();
    } finally {
      replaceKernel(gather, gather.kernelFunc);
      tf.Variable.prototype.assign = assign;
      Math.random = random;
      target.binding = binding;
      Object.assign(target, { move, getInputTensorIds });
    }
  }

  /** Where a result comes from. A result that is an input as such stays outside of the graph. */
  resultEnd(tensor: Tensor): End | { input: string } {
    const input = this.#inputs.get(tensor);
    if (input !== undefined) return { input };
    const [id] = this.#backend.getInputTensorIds([tensor]);
    const { dtype } = this.#backend.tensorMap.get(tensor.dataId);
    // Every result has an end of its own: two of them, or an input, may be the same tensor.
    const node = {
      name: this.#free('Identity'),
      op: 'Identity',
      inputs: [this.#endOf(id!, 'Identity')],
      attributes: { T: { type: dtype } },
    };
    this.#append(node);
    return node.name;
  }

  #recordingBinding(): Binding {
    const recording = Object.create(this.#binding) as Binding;
    const define = <K extends keyof Binding>(name: K, value: Binding[K]) => Object.defineProperty(recording, name, { value });
    define('createTensor', (shape, dtype, data) => {
      if (!KNOWN.has(dtype)) throw refusal(`its constants must be numbers or flags: DataType ${dtype} is neither`);
      const id = nextId++;
      this.#constants.set(id, { shape: [...shape], dtype, data: data.slice() });
      return id;
    });
    define('tensorDataSync', (id) => {
      const known = this.#constants.get(id);
      if (known) return known.data.slice();
      throw refusal('it must read no value on the host');
    });
    define('deleteTensor', (id) => {
      if (id < FIRST_ID) this.#binding.deleteTensor(id);
    });
    define('executeOp', (op, attributes, ids, outputs) => {
      const inputs = ids.map((id) => this.#endOf(id, op));
      const implied = impliedAttributes(
        this.#definition(op),
        inputs.map((end) => this.#dtypes.get(end)!),
      );
      const given = Object.fromEntries(attributes.map((attribute) => [attribute.name, this.#attribute(attribute)]));
      const node: Node = { name: this.#free(op), op, inputs, attributes: { ...implied, ...given } };
      return this.#append(node)
        .slice(0, outputs)
        .map((output, i) => {
          const { dtype, shape = SHAPELESS[op]?.[i] } = output;
          if (!shape || shape.some((side) => side < 0)) throw refusal(`every shape must be known: ${op} gives [${shape ?? 'unknown'}]`);
          const id = nextId++;
          this.#ends.set(id, endOf(node, i));
          return { id, shape, dtype };
        });
    });
    define('identityAfter', (id, awaited) => {
      const input = this.#endOf(id, 'Identity');
      const dtype = this.#dtypes.get(input)!;
      const node: Node = { name: this.#free('Identity'), op: 'Identity', inputs: [input], attributes: { T: { type: dtype } } };
      const [output] = this.#append(node);
      node.inputs.push(...new Set(awaited.map((other) => `^${nodeOf(this.#endOf(other, 'Identity'))}`)));
      const made = nextId++;
      this.#ends.set(made, node.name);
      return { id: made, shape: output!.shape!, dtype };
    });
    return recording;
  }

  #append(node: Node): { dtype: number; shape?: number[] }[] {
    try {
      const outputs = this.#binding.appendToGraph(node.name, serialize([node]), node.inputs.join(','), this.nodes.length === 0);
      this.nodes.push(node);
      for (const [i, { dtype }] of outputs.entries()) this.#dtypes.set(endOf(node, i), dtype);
      return outputs;
    } catch (error) {
      throw refusal(`TensorFlow must take its ops as graph nodes: ${node.op}: ${(error as Error).message}`);
    }
  }

  /** The op's definition. A stateful op gives other values each time (random ones) or changes something beside its results. */
  #definition(op: string): OpDefinition {
    const known = DEFINITIONS.get(op);
    if (known) return known;
    let found: OpDefinition;
    try {
      found = readOpDefinition(this.#binding.getOpDef(op));
    } catch {
      throw refusal(`TensorFlow must know its ops: ${op}`);
    }
    if (found.isStateful) throw refusal(`its ops must be pure: ${op} is stateful`);
    DEFINITIONS.set(op, found);
    return found;
  }

  #endOf(id: number, op: string): End {
    const known = this.#ends.get(id);
    if (known) return known;
    const made = this.#constants.get(id);
    if (!made) throw capturedError(op);
    const node = constant(this.#free('Const'), made.dtype, made.shape, made.data);
    this.#append(node);
    this.#ends.set(id, node.name);
    return node.name;
  }

  #attribute({ name, type, value }: NativeAttribute): Attribute {
    const b = this.#binding;
    const kind = { [b.TF_ATTR_INT]: 'i', [b.TF_ATTR_FLOAT]: 'f', [b.TF_ATTR_BOOL]: 'b', [b.TF_ATTR_TYPE]: 'type' }[type];
    if (type === b.TF_ATTR_STRING) return { s: Buffer.from(value as string) };
    if (type === b.TF_ATTR_SHAPE) return { shape: { dim: (value as number[]).map((size) => ({ size })) } };
    if (!kind) throw refusal(`its attributes must be numbers, flags, types, texts or shapes: ${name} is of kind ${type}`);
    return Array.isArray(value) ? { list: { [kind]: value } } : { [kind]: value };
  }

  /** A name not taken: letters, digits, `_./-` only. */
  #free(wanted: string): string {
    const stem = wanted.replaceAll(/[^A-Za-z0-9_./-]/g, '_').replace(/^(?![A-Za-z0-9.])/, 'x');
    let count = this.#taken.get(stem) ?? 0;
    let name = count === 0 && stem.includes('/') ? stem : `${stem}_${count}`;
    while (this.#names.has(name)) name = `${stem}_${++count}`;
    this.#taken.set(stem, count + 1);
    this.#names.add(name);
    return name;
  }
  readonly #taken = new Map<string, number>();
  readonly #names = new Set<string>();
}

const endOf = ({ name }: Node, output: number): End => (output === 0 ? name : `${name}:${output}`);

type Kernel = ReturnType<typeof tf.getKernel>;

function replaceKernel(kernel: Kernel, kernelFunc: Kernel['kernelFunc']): void {
  tf.unregisterKernel(kernel.kernelName, kernel.backendName);
  tf.registerKernel({ ...kernel, kernelFunc });
}

/** tfjs-node reads the indices to check them; TensorFlow's own kernel checks them too, on CPU. */
const gatherWithoutReading: Kernel['kernelFunc'] = ({ inputs, attrs }) => {
  const { x, indices } = inputs as { x: Tensor; indices: Tensor };
  const { axis, batchDims } = attrs as unknown as { axis: number; batchDims: number };
  const b = backend();
  const type = (name: string, tensor: Tensor) => ({
    name,
    type: b.binding.TF_ATTR_TYPE,
    value: b.tensorMap.get(tensor.dataId).dtype,
  });
  const at = tf.scalar(axis, 'int32');
  const attributes = [
    { name: 'batch_dims', type: b.binding.TF_ATTR_INT, value: batchDims },
    type('Tparams', x),
    type('Tindices', indices),
    type('Taxis', at),
  ];
  const [gathered] = b.executeMultipleOutputs('GatherV2', attributes, [x, indices, at], 1);
  at.dispose();
  return gathered!;
};

const capturedError = (op?: string) =>
  refusal(`it must use no tensors but those of its state and batch: ${op ?? 'an op'} has one that was made before the step`);

/** The error of a step that cannot be a graph, with the line of the step. */
export function refusal(rule: string): Error {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 50; // tfjs calls are deep
  const inner = /learning\/(compile\/(record|open|compile|held)|ops\/native)\.ts|node_modules|@tensorflow|node:/;
  const line = new Error('at').stack?.split('\n').find((text) => text.includes('at ') && text.includes('/') && !inner.test(text));
  Error.stackTraceLimit = limit;
  const place = /\(?((?:file:\/\/)?\/[^)]*:\d+):\d+\)?$/.exec(line ?? '')?.[1]?.replace('file://', '');
  return new Error(`Cannot compile the step as ${rule}${place ? ` (${place})` : ''}`);
}
