/** The graphs of the steps of a run, recorded without running any: for people who want to look inside. */
import type { Recipe } from '../../contracts/recipe.ts';
import type { Architecture } from '../../contracts/trainer.ts';
import { graphOf, type Precision } from '../compile/compile.ts';
import type { Graph } from '../compile/graph.ts';
import { heldGraph } from '../compile/held.ts';
import { memoryOf } from '../memory.ts';
import { comparedWidth, networkOf } from '../networks/network.ts';
import type { ParameterSpec, State } from '../networks/parameters.ts';
import { trainedParameters } from '../networks/trained.ts';
import { bytesTensor } from '../ops/native.ts';
import { optimizerOf } from '../optimizers/choice.ts';
import { type Tensor, tf } from '../tensorflow.ts';
import { distillStep } from './distill.ts';
import { finetuneStep, normalisationOf } from './finetune.ts';
import { pretrainStep } from './pretrain.ts';
import { asWork, inputsOf, type Step } from './step.ts';

export type Architectures = Record<'representation' | 'classifier' | 'student', Architecture>;

/**
 * `pretrain`, `finetune` and `distill` as TensorFlow runs them, state in variables, at the recipe's batch sizes. (A run with fewer images
 * than a batch has smaller ones; a device that renders views itself feeds float32 pixels.)
 */
export function stepGraphs(recipe: Recipe, architectures: Architectures, precision: Precision): Record<string, Graph> {
  const { pretrain, finetune, distill } = recipe;
  const [representation, classifier, student] = [
    networkOf(architectures.representation),
    networkOf(architectures.classifier),
    networkOf(architectures.student),
  ];
  const optimizers = {
    pretrain: optimizerOf(pretrain.optimizer, representation.parameters, { weightDecay: pretrain.weightDecay }),
    finetune: optimizerOf(finetune.optimizer, trainedParameters(classifier, finetune.train), {
      weightDecay: finetune.weightDecay,
      classifierRate: finetune.headLearningRateFactor,
    }),
    distill: optimizerOf(distill.optimizer, student.parameters, { weightDecay: distill.weightDecay }),
  };
  const memory =
    pretrain.memory.size > 0 ? memoryOf(representation, pretrain.memory, comparedWidth(architectures.representation)) : undefined;
  const { size, classes } = architectures.classifier;
  const labelled = (images: number) => ({ pixels: tf.fill([images, size, size, 3], 0), labels: tf.zeros([images], 'int32') });
  const bytes = new Uint8Array(2 * pretrain.batch * size * size * 3);
  const graph = (step: unknown, parameters: ParameterSpec[], batch: Record<string, Tensor>) =>
    graphOfStep(step as AnyStep, parameters, { ...batch, learningRate: tf.scalar(0) }, precision);
  return {
    pretrain: graph(
      pretrainStep(representation, optimizers.pretrain, pretrain, memory),
      [...representation.parameters, ...optimizers.pretrain.slots, ...(memory?.slots ?? [])],
      { pixels: bytesTensor(bytes, [2 * pretrain.batch, size, size, 3]) },
    ),
    finetune: graph(
      finetuneStep(classifier, optimizers.finetune, {
        trained: finetune.train,
        normalisation: normalisationOf(finetune.batch / finetune.accumulate, false),
        contrastive: finetune.contrastive,
        smoothing: finetune.labelSmoothing,
        accumulate: finetune.accumulate,
        classWeights: finetune.classWeights === 'balanced' ? new Array<number>(classes).fill(1) : undefined,
      }),
      [...classifier.parameters, ...optimizers.finetune.slots],
      labelled(finetune.batch),
    ),
    distill: graph(distillStep(student, optimizers.distill, distill), [...student.parameters, ...optimizers.distill.slots], {
      ...labelled(distill.batch),
      teacherLogits: tf.zeros([distill.batch, classes]),
    }),
  };
}

type AnyStep = Step<Record<string, Tensor>, Record<string, Tensor>>;

function graphOfStep(step: AnyStep, parameters: ParameterSpec[], batch: Record<string, Tensor>, precision: Precision): Graph {
  const blank: State = Object.fromEntries(parameters.map(({ name, shape }) => [name, tf.fill(shape, 0)]));
  const state = Object.keys(inputsOf(blank, {}));
  const graph = heldGraph(graphOf(asWork(step), inputsOf(blank, batch), { precision, weights: state }), state);
  tf.dispose([blank, batch]);
  return graph;
}
