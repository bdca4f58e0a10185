/** The function that graph-functions.patch adds to the binding. */
import { createRequire } from 'node:module';
import protobuf from 'protobufjs';
import { beforeAll, expect, test } from 'vitest';
import { tf } from '../../learning/tensorflow.ts';

type Binding = {
  TF_FLOAT: number;
  addGraphFunction(name: string, graphDef: Uint8Array, inputs: string, outputs: string, mustCompile: boolean): void;
  executeOp(name: string, attributes: unknown[], inputs: number[], outputs: number): { id: number }[];
  tensorDataSync(id: number): Float32Array;
  deleteTensor(id: number): void;
};
type Backend = { binding: Binding; getInputTensorIds(tensors: unknown[]): number[] };

const backend = tf.backend() as object as Backend;
const { binding } = backend;
let graph: Uint8Array;

/** x · y + x, as a GraphDef. */
beforeAll(() => {
  const proto = createRequire(import.meta.url)
    .resolve('@tensorflow/tfjs-node-gpu/package.json')
    .replace('package.json', 'src/proto/api.proto');
  const GraphDef = protobuf.loadSync(proto).lookupType('tensorflow.GraphDef');
  const float = { type: binding.TF_FLOAT };
  const node = [
    { name: 'x', op: 'Placeholder', attr: { dtype: float } },
    { name: 'y', op: 'Placeholder', attr: { dtype: float } },
    { name: 'product', op: 'Mul', input: ['x', 'y'], attr: { T: float } },
    { name: 'sum', op: 'AddV2', input: ['product', 'x'], attr: { T: float } },
  ];
  graph = GraphDef.encode(GraphDef.fromObject({ node, versions: { producer: 1087 } })).finish();
});

test('addGraphFunction: a graph runs as one operation', () => {
  binding.addGraphFunction('fewlabels_test_sum', graph, 'x,y:0', 'sum', false);
  const inputs = [tf.tensor1d([1, 2, 3]), tf.tensor1d([4, 5, 6])];
  const [output] = binding.executeOp('fewlabels_test_sum', [], backend.getInputTensorIds(inputs), 1);
  expect([...binding.tensorDataSync(output?.id ?? -1)]).toEqual([5, 12, 21]); // 1·4 + 1, 2·5 + 2, 3·6 + 3
  binding.deleteTensor(output?.id ?? -1);
  tf.dispose(inputs);
});

test('addGraphFunction: an operation that is not in the graph is named, as input and as output', () => {
  expect(() => binding.addGraphFunction('fewlabels_test_in', graph, 'x,z', 'sum', false)).toThrow('no operation "z"');
  expect(() => binding.addGraphFunction('fewlabels_test_out', graph, 'x,y', 'total:0', false)).toThrow('no operation "total:0"');
  expect(() => binding.addGraphFunction('fewlabels_test_index', graph, 'x,y', 'sum:1', false)).toThrow(
    '"sum:1" of an operation with 1 outputs',
  );
});

test('addGraphFunction: bytes that are no graph, and arguments of another type, are refused with an error', () => {
  expect(() => binding.addGraphFunction('fewlabels_test_bytes', new Uint8Array([1, 2, 3]), 'x,y', 'sum', false)).toThrow('TF_Status');
  const wrong: unknown[] = ['fewlabels_test_type', new Float32Array(3), 'x,y', 'sum', false];
  expect(() => Reflect.apply(binding.addGraphFunction, binding, wrong)).toThrow('typed_array_type');
  expect(() => Reflect.apply(binding.addGraphFunction, binding, [1, graph, 'x', 'sum', false])).toThrow('not a string');
  expect(() => Reflect.apply(binding.addGraphFunction, binding, ['fewlabels_test_few'])).toThrow('number of args');
});

test('addGraphFunction: a name serves one graph', () => {
  binding.addGraphFunction('fewlabels_test_once', graph, 'x,y', 'sum', false);
  expect(() => binding.addGraphFunction('fewlabels_test_once', graph, 'x,y', 'product', false)).toThrow(/duplicate function/);
});
