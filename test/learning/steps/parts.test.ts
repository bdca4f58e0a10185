import { describe, expect, test } from 'vitest';
import { graphOf } from '../../../learning/compile/compile.ts';
import { type Graph, type Node, nodeOf } from '../../../learning/compile/graph.ts';
import { networkOf } from '../../../learning/networks/network.ts';
import { initialState, isTrainable, type State } from '../../../learning/networks/parameters.ts';
import { momentum } from '../../../learning/optimizers/momentum.ts';
import { distillStep } from '../../../learning/steps/distill.ts';
import { type FinetuneSettings, finetuneStep } from '../../../learning/steps/finetune.ts';
import { partsOf } from '../../../learning/steps/parts.ts';
import { pretrainStep } from '../../../learning/steps/pretrain.ts';
import { asWork, inputsOf } from '../../../learning/steps/step.ts';
import { type Tensor, tf } from '../../../learning/tensorflow.ts';
import { architecture, CLASSES } from '../loops/scratch.ts';
import { distance, noise, scalarOf } from '../tensors.ts';

/** Of parts of odd sizes oneDNN takes no gradients of fewer channels. */
const encoder = { depth: 18, width: 0.25, stem: 'small' } as const;
const classifier = networkOf(architecture({ encoder, classes: CLASSES, headLayers: 1 }));
const representation = networkOf(architecture({ encoder }));
const [plain, contrasting] = [classifier, representation].map(({ parameters }) => momentum(parameters, { weightDecay: 1e-3 }));
const fresh = (network: typeof classifier, optimizer = plain!): State => ({
  ...initialState([...network.parameters, ...optimizer.slots], 1),
  ...(network === classifier ? { 'classifier/dense/kernel': noise([128, CLASSES], 3) } : {}),
});
const images = (count: number, seed: number): Tensor => tf.mul(tf.sigmoid(noise([count, 16, 16, 3], seed)), 255);
const int32 = (values: number[]) => tf.tensor1d(values, 'int32');
const learningRate = tf.scalar(0.1);

/** Expects two results of a step to have the same loss, accuracy and trained weights, to 1e-4 of the way that each tensor went. */
function expectSame(network: typeof classifier, before: State, one: Result, other: Result): void {
  expect(scalarOf(one.metrics.loss!)).toBeCloseTo(scalarOf(other.metrics.loss!), 4);
  expect(scalarOf(one.metrics.accuracy!)).toBe(scalarOf(other.metrics.accuracy!));
  for (const { name } of network.parameters.filter(isTrainable)) {
    const way = Math.max(1e-3, distance(one.state[name]!, before[name]!));
    expect(distance(one.state[name]!, other.state[name]!), name).toBeLessThan(1e-4 * way);
  }
}
type Result = { state: State; metrics: Record<string, Tensor> };

test('partsOf: parts are as even as they can be, and never empty', () => {
  expect(partsOf(8, 1)).toEqual([{ from: 0, images: 8, share: 1 }]);
  expect(partsOf(8, 3).map(({ from, images }) => [from, images])).toEqual([
    [0, 3],
    [3, 2],
    [5, 3],
  ]);
  expect(partsOf(3, 5).map(({ images }) => images)).toEqual([1, 1, 1]);
});

describe('in parts', () => {
  test('finetuneStep: by stored statistics a batch in parts, uneven ones too, is the batch at once', () => {
    const before = fresh(classifier);
    const batch = { pixels: images(8, 1), labels: int32([0, 1, 2, 3, 0, 0, 1, 2]), learningRate };
    const options: FinetuneSettings = { normalisation: 'stored', smoothing: 0.1, classWeights: [0.5, 1, 2, 1] };
    const [once, parts] = [1, 3].map((accumulate) => finetuneStep(classifier, plain!, { ...options, accumulate })(before, batch));
    expectSame(classifier, before, once!, parts!);
  });

  test('finetuneStep: what compares images or takes their statistics sees its part alone', () => {
    const before = fresh(classifier);
    const batch = { pixels: images(8, 1), labels: int32([0, 1, 2, 3, 0, 0, 1, 2]), learningRate };
    const lossOf = (accumulate: number, more: object) =>
      scalarOf(finetuneStep(classifier, plain!, { normalisation: 'stored', accumulate, ...more })(before, batch).metrics.loss);
    for (const more of [{ normalisation: 'batch' }, { contrastive: { weight: 0.5, temperature: 0.1 } }])
      expect(Math.abs(lossOf(1, more) - lossOf(2, more))).toBeGreaterThan(1e-3);
  });

  // A batch that is the same images twice has the statistics of each half: batch norm makes no difference then.
  test('distillStep: in two like parts it is the batch at once, labels that only one of them has included', () => {
    const before = fresh(classifier);
    const [half, answers] = [images(4, 2), noise([8, CLASSES], 4)];
    const batch = { pixels: tf.concat([half, half]), labels: int32([0, 1, -1, 3, -1, 2, -1, -1]), teacherLogits: answers, learningRate };
    const [once, parts] = [1, 2].map((accumulate) =>
      distillStep(classifier, plain!, { temperature: 2, labelled: 0.4, accumulate })(before, batch),
    );
    expectSame(classifier, before, once!, parts!);
  });

  test('pretrainStep: in two like parts it is the batch at once, as every view is still compared with all others', () => {
    const before = fresh(representation, contrasting);
    const [first, second] = [images(4, 5), images(4, 6)];
    const batch = { pixels: tf.concat([first, first, second, second]), learningRate };
    const [once, parts] = [1, 2].map((accumulate) =>
      pretrainStep(representation, contrasting!, { temperature: 0.5, accumulate })(before, batch),
    );
    expectSame(representation, before, once!, parts!);
    expect(scalarOf(parts!.metrics.loss)).toBeGreaterThan(Math.log(2)); // each view has its image's copy to be told from
  });

  test('pretrainStep: in parts projections go by the statistics of their part, which move once a part', () => {
    const before = fresh(representation, contrasting);
    const pixels = images(16, 7);
    const { state } = pretrainStep(representation, contrasting!, { temperature: 0.5, accumulate: 2 })(before, { pixels, learningRate });
    const rows = (from: number) => tf.div(tf.slice(pixels, [from], [4]), 255);
    let statistics: State = {};
    for (const from of [0, 4]) {
      const own = tf.concat([rows(from), rows(8 + from)]);
      statistics = representation.apply({ ...before, ...statistics }, own, { training: true }).statistics;
    }
    for (const [name, value] of Object.entries(statistics)) expect(distance(state[name]!, value), name).toBeLessThan(1e-5);
  });
});

describe('compiled', () => {
  test('gradientsInParts: a part begins when the gradients of the part before are all there', () => {
    const batch = { pixels: images(8, 1), labels: int32([0, 1, 2, 3, 0, 1, 2, 3]), learningRate };
    const step = finetuneStep(classifier, plain!, { normalisation: 'batch', accumulate: 2 });
    const graph = graphOf(asWork(step), inputsOf(fresh(classifier), batch));
    const waiting = graph.nodes.filter(isWaiting);
    expect(waiting).toHaveLength(1);
    const [first, second] = convolutions(graph);
    expect(first).toHaveLength(second.length);
    for (const gradient of first) expect(isBefore(graph, gradient, waiting[0]!.name)).toBe(true);
    for (const gradient of second) expect(isBefore(graph, waiting[0]!.name, gradient)).toBe(true);
  });

  test('pretrainStep: projects its parts one by one, then takes their gradients one by one', () => {
    const batch = { pixels: images(16, 1), learningRate };
    const step = pretrainStep(representation, contrasting!, { temperature: 0.5, accumulate: 2 });
    const graph = graphOf(asWork(step), inputsOf(fresh(representation, contrasting), batch));
    const waiting = graph.nodes.filter(isWaiting).map(({ name }) => name);
    expect(waiting).toHaveLength(3); // the second part, the gradients of the first, those of the second
    const [first, second] = convolutions(graph);
    for (const gradient of first) {
      expect(isBefore(graph, waiting[1]!, gradient)).toBe(true);
      expect(isBefore(graph, gradient, waiting[2]!)).toBe(true);
    }
    for (const gradient of second) expect(isBefore(graph, waiting[2]!, gradient)).toBe(true);
    expect(isBefore(graph, waiting[0]!, waiting[1]!)).toBe(true);
  });
});

const isWaiting = ({ inputs }: Node) => inputs.some((input) => input.startsWith('^'));

/** Gradients of kernels, those of the first and of the second part. */
function convolutions({ nodes }: Graph): [string[], string[]] {
  const names = nodes.filter(({ op }) => op === 'Conv2DBackpropFilter').map(({ name }) => name);
  return [names.slice(0, names.length / 2), names.slice(names.length / 2)];
}

/** Whether `later` waits for `earlier`, by data or by control. */
function isBefore({ nodes }: Graph, earlier: string, later: string): boolean {
  const byName = new Map(nodes.map((node): [string, Node] => [node.name, node]));
  const [seen, left] = [new Set<string>(), [later]];
  for (let name = left.pop(); name !== undefined; name = left.pop()) {
    if (name === earlier) return true;
    if (seen.has(name)) continue;
    seen.add(name);
    left.push(...(byName.get(name)?.inputs ?? []).map(nodeOf));
  }
  return false;
}
