/** Fine-tuning a part of the network: what is frozen keeps its bits. */
import { describe, expect, test } from 'vitest';
import { networkOf } from '../../../learning/networks/network.ts';
import { initialState, isTrainable } from '../../../learning/networks/parameters.ts';
import { isFrozen, type Trained, trainedParameters } from '../../../learning/networks/trained.ts';
import { bytesTensor } from '../../../learning/ops/native.ts';
import { momentum } from '../../../learning/optimizers/momentum.ts';
import { finetuneStep, type Normalisation } from '../../../learning/steps/finetune.ts';
import { type Execution, stepper } from '../../../learning/steps/step.ts';
import { tf } from '../../../learning/tensorflow.ts';
import { countedState } from '../../golden/counted.ts';
import { architecture, CLASSES, pixelsOf } from '../loops/scratch.ts';
import { scalarOf, valuesOf } from '../tensors.ts';

const network = networkOf(architecture({ encoder: { depth: 18, width: 0.0625, stem: 'small' }, classes: CLASSES, headLayers: 1 }));
const names = network.parameters.map(({ name }) => name);

/** A batch of images that all differ. */
const batch = () => ({
  pixels: bytesTensor(new Uint8Array(Buffer.concat(Array.from({ length: 8 }, (_, i) => pixelsOf(i)))), [8, 16, 16, 3]),
  labels: tf.tensor1d([0, 1, 2, 3, 0, 1, 2, 3], 'int32'),
  learningRate: tf.scalar(0.1),
});

/** A step from weights and statistics that are nowhere 0 (`changes` on top). */
function oneStep(trained: Trained, normalisation: Normalisation, execution: Execution, changes = {}) {
  const optimizer = momentum(trainedParameters(network, trained), { weightDecay: 1e-4 });
  const state = { ...countedState(network.parameters), ...changes, ...initialState(optimizer.slots, 1) };
  const course = stepper(finetuneStep(network, optimizer, { normalisation, trained }), execution, state);
  const { loss } = course.take(batch());
  const after = course.state();
  course.free();
  return { loss: scalarOf(loss), after };
}

test('isFrozen: all trains all; after a group, what stands before it keeps its value; head leaves the encoder as it is', () => {
  const frozen = (trained: Trained) => names.filter((name) => isFrozen(trained, name));
  expect(frozen('all')).toEqual([]);
  expect(frozen({ afterGroup: 0 })).toEqual(names.filter((name) => name.startsWith('encoder/stem/')));
  expect(frozen({ afterGroup: 2 })).toEqual(names.filter((name) => /^encoder\/(stem|group1|group2)\//.test(name)));
  expect(frozen({ afterGroup: 3 })).toEqual(names.filter((name) => /^encoder\/(?!group4)/.test(name)));
  expect(frozen('head')).toEqual(names.filter((name) => name.startsWith('encoder/')));
});

describe.each<Trained>(['all', { afterGroup: 0 }, { afterGroup: 2 }, { afterGroup: 3 }, 'head'])('finetuneStep: trains %o', (trained) => {
  test.each<[Normalisation, Execution]>([
    ['batch', 'eager'],
    ['batch', 'float32'],
    ['batch', 'bfloat16'],
    ['stored', 'float32'],
  ])('finetuneStep: by %s statistics, %s: frozen weights and statistics keep their bits, all others move', (normalisation, execution) => {
    const before = countedState(network.parameters);
    const { after } = oneStep(trained, normalisation, execution);
    for (const spec of network.parameters) {
      const moves = !isFrozen(trained, spec.name) && (isTrainable(spec) || normalisation === 'batch');
      const [old, now] = [before, after].map((state) => valuesOf(state[spec.name]!));
      if (moves) expect(now, spec.name).not.toEqual(old);
      else expect(now, spec.name).toEqual(old);
    }
  });
});

test('finetuneStep: frozen norms go by their stored statistics, those that are trained by the batch’s', () => {
  const [early, late] = ['encoder/group1/block1/norm1/mean', 'encoder/group4/block1/norm1/mean'];
  const loss = (trained: Trained, changed?: string) => {
    const shape = network.parameters.find(({ name }) => name === changed)?.shape ?? [];
    return oneStep(trained, 'batch', 'float32', changed ? { [changed]: tf.fill(shape, 3) } : {}).loss;
  };
  expect(loss('all', early)).toBe(loss('all'));
  expect(loss({ afterGroup: 3 }, early)).not.toBe(loss({ afterGroup: 3 }));
  expect(loss({ afterGroup: 3 }, late)).toBe(loss({ afterGroup: 3 }));
  expect(loss('head', late)).not.toBe(loss('head'));
});

test('momentum: of the trained parameters alone, a checkpoint holds no slots of frozen ones', () => {
  const { slots } = momentum(trainedParameters(network, 'head'), { weightDecay: 0 });
  const wanted = [
    'head/layer1/dense/kernel',
    'head/layer1/norm/gamma',
    'head/layer1/norm/beta',
    'classifier/dense/kernel',
    'classifier/dense/bias',
  ];
  expect(slots.map(({ name }) => name)).toEqual(wanted.map((name) => `momentum/${name}`));
});
