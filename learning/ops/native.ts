/**
 * TensorFlow ops that tfjs does not offer, and gradients of our own. Everything goes through the backend's `executeOp`, so that a
 * recorder put in its place sees every op.
 */
import { type Tensor, tf } from '../tensorflow.ts';

/** What we need of the native binding: constants of types and attributes, tensors, ops, and the functions of our patch. */
export type Binding = {
  TF_FLOAT: number;
  TF_INT32: number;
  TF_UINT8: number;
  TF_ATTR_TYPE: number;
  TF_ATTR_INT: number;
  TF_ATTR_FLOAT: number;
  TF_ATTR_BOOL: number;
  TF_ATTR_STRING: number;
  TF_ATTR_SHAPE: number;
  TF_Version: string;
  createTensor(shape: number[], dtype: number, data: Values): number;
  tensorDataSync(id: number): Values;
  deleteTensor(id: number): void;
  executeOp(op: string, attributes: NativeAttribute[], inputs: number[], outputs: number): Handle[];
  /** A GraphDef becomes a function that `executeOp` runs by its name. `inputs` and `outputs`: ends, joined by commas. */
  addGraphFunction(name: string, graphDef: Uint8Array, inputs: string, outputs: string, mustCompile: boolean): void;
  /** One op joins the graph under construction; what TensorFlow infers of its outputs, −1 for a side not known. */
  appendToGraph(name: string, graphDef: Uint8Array, inputs: string, fresh: boolean): { dtype: number; shape?: number[] }[];
  /** The recorder's: the same tensor, there only when all of the others are. */
  identityAfter?(id: number, awaited: number[]): Handle;
  /** The definition of an op: a serialized OpDef. */
  getOpDef(op: string): Uint8Array;
  getNumOfTensors(): number;
  isUsingGpuDevice(): boolean;
};
type Values = Float32Array | Int32Array | Uint8Array;
export type NativeAttribute = { name: string; type: number; value: number | boolean | string | number[] };
type Handle = { id: number; shape: number[]; dtype: number };
type TensorData = { dtype: number; values: Values | null };
export type NativeBackend = ReturnType<typeof tf.backend> & {
  binding: Binding;
  tensorMap: { get(dataId: object): TensorData };
  getInputTensorIds(tensors: Tensor[]): number[];
  move(dataId: object, ...rest: unknown[]): void;
  executeMultipleOutputs(op: string, attributes: NativeAttribute[], inputs: Tensor[], outputs: number): Tensor[];
  createOutputTensor(handle: Handle): Tensor;
};

export const backend = () => tf.backend() as NativeBackend;
export const binding = (): Binding => backend().binding;

/** Attributes of an op, by kind: `types: { T: 'float' }` names a dtype, the others are plain values. */
export type Attributes = {
  types?: Record<string, 'float' | 'int32' | 'uint8'>;
  floats?: Record<string, number>;
  flags?: Record<string, boolean>;
  texts?: Record<string, string>;
  lists?: Record<string, number[]>;
};

function attributeList({ types = {}, floats = {}, flags = {}, texts = {}, lists = {} }: Attributes): NativeAttribute[] {
  const b = binding();
  const numbers = { float: b.TF_FLOAT, int32: b.TF_INT32, uint8: b.TF_UINT8 };
  return [
    ...Object.entries(types).map(([name, type]) => ({ name, type: b.TF_ATTR_TYPE, value: numbers[type] })),
    ...Object.entries(floats).map(([name, value]) => ({ name, type: b.TF_ATTR_FLOAT, value })),
    ...Object.entries(flags).map(([name, value]) => ({ name, type: b.TF_ATTR_BOOL, value })),
    ...Object.entries(texts).map(([name, value]) => ({ name, type: b.TF_ATTR_STRING, value })),
    ...Object.entries(lists).map(([name, value]) => ({ name, type: b.TF_ATTR_INT, value })),
  ];
}

/** Run a TensorFlow op by its name and return all its outputs; no gradient is known to tfjs. */
export function nativeOp(op: string, attributes: Attributes, inputs: Tensor[], outputs: number): Tensor[] {
  return backend().executeMultipleOutputs(op, attributeList(attributes), inputs, outputs);
}

/** The first output of a TensorFlow op. */
export function nativeValue(op: string, attributes: Attributes, inputs: Tensor[]): Tensor {
  return nativeOp(op, attributes, inputs, 1)[0]!;
}

/**
 * A value whose gradient is ours. Once it has been taken, the saved tensors and the gradient that came in are freed: tfjs would hold
 * them, one activation each, until the whole backward pass is done. So a gradient can be taken once, and `dy` is never the caller's.
 * @param inputs    what gets a gradient
 * @param forward   makes the value and names what the gradient needs of it (`saved`)
 * @param gradient  from the gradient at the value and the saved tensors, the gradients at the inputs, in their order
 */
export function withGradient(
  inputs: Tensor[],
  forward: () => { value: Tensor; saved: Tensor[] },
  gradient: (dy: Tensor, saved: Tensor[]) => Tensor[],
): Tensor {
  const differentiable = tf.customGrad((...args) => {
    const { value, saved } = forward();
    const save = args.at(-1);
    if (typeof save === 'function') save(saved);
    const gradFunc = (dy: Tensor, kept: Tensor[]) => {
      const gradients = gradient(dy, kept);
      tf.dispose([dy, kept]);
      return gradients;
    };
    return { value, gradFunc };
  });
  return differentiable(...inputs);
}

/**
 * Carry a tensor out of a function whose tensors are freed at its end, such as the forward half of a gradient.
 * Call `keep` inside and `hand` outside; `hand` gives the tensor to the scope around it.
 */
export const keep = (tensor: Tensor): Tensor => tf.keep(tensor.clone());
export function hand(kept: Tensor): Tensor {
  const tensor = kept.clone();
  kept.dispose();
  return tensor;
}

/**
 * The same tensor, in a compiled step there only when all of `awaited` are, so that what is made of it does not begin, and takes no
 * memory, before. Op by op things are done in their order anyway.
 */
export function after(tensor: Tensor, awaited: Tensor[]): Tensor {
  const { identityAfter } = binding();
  if (!identityAfter) return tensor;
  const [[id], ids] = [backend().getInputTensorIds([tensor]), backend().getInputTensorIds(awaited)];
  return backend().createOutputTensor(identityAfter(id!, ids));
}

/**
 * Bytes as a TensorFlow uint8 tensor: nothing is widened or copied on the host. tfjs knows no such type and calls it int32, so
 * it serves as the input of `fromBytes` (and of a compiled step) only. The array must not be written to afterwards.
 */
export function bytesTensor(data: Uint8Array, shape: number[]): Tensor {
  const { TF_UINT8, createTensor } = binding();
  return backend().createOutputTensor({ id: createTensor.call(binding(), shape, TF_UINT8, data), shape, dtype: TF_UINT8 });
}

/** uint8 from `bytesTensor` to float32 of the same shape, 0 to 255. */
export function fromBytes(bytes: Tensor): Tensor {
  return nativeValue('Cast', { types: { SrcT: 'uint8', DstT: 'float' } }, [bytes]);
}
