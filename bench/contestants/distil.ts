/** Ours: steps of distillation, the teacher's answers included; the student is half as wide. Arguments: `depth size images execution`. */
import { networkOf } from '../../learning/networks/network.ts';
import { initialState } from '../../learning/networks/parameters.ts';
import { bytesTensor } from '../../learning/ops/native.ts';
import { momentum } from '../../learning/optimizers/momentum.ts';
import { distillStep } from '../../learning/steps/distill.ts';
import { predictor } from '../../learning/steps/predict.ts';
import { tf } from '../../learning/tensorflow.ts';
import { serve } from './serve.ts';
import { architectureOf, CLASSES, madeUpPixels, settingOf, training } from './setting.ts';

const { depth, size, images, execution } = settingOf(process.argv.slice(2));
const bytes = madeUpPixels(images, size);

/** Fresh, it is all zeros, and the teacher has nothing to say. */
const CLASSIFIER = 'classifier/dense/kernel';

await serve(() => {
  const teacher = networkOf(architectureOf(depth, size, CLASSES));
  const teach = predictor(teacher, execution);
  const weights = { ...initialState(teacher.parameters, 2), [CLASSIFIER]: tf.randomNormal([512, CLASSES], 0, 0.1, 'float32', 1) };
  const student = networkOf(architectureOf(depth, size, CLASSES, 0.5));
  const optimizer = momentum(student.parameters, { weightDecay: 1e-4 });
  const step = distillStep(student, optimizer, { temperature: 1, labelled: 0 });
  return training(step, execution, [...student.parameters, ...optimizer.slots], () => {
    const pixels = bytesTensor(bytes, [images, size, size, 3]);
    const { logits: teacherLogits, probabilities } = teach(weights, pixels);
    probabilities.dispose();
    return { pixels, teacherLogits, labels: tf.tensor1d(new Int32Array(images).fill(-1), 'int32') };
  });
});
