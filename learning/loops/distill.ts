/** Distillation: classifier → student, on all images, labelled or not. */
import { join } from 'node:path';
import type { DistillJob } from '../../contracts/trainer.ts';
import { networkOf } from '../networks/network.ts';
import { optimizerOf } from '../optimizers/choice.ts';
import { planTraining } from '../plan.ts';
import { loadModel, loadRepresentation } from '../state.ts';
import { type DistillBatch, distillStep } from '../steps/distill.ts';
import { predictor } from '../steps/predict.ts';
import { disposeReplaced } from '../steps/step.ts';
import { tf } from '../tensorflow.ts';
import { lightViews } from './light-views.ts';
import type { Surroundings } from './log.ts';
import { imagesIn, type Outcome, train } from './train.ts';

/**
 * Reads shards of images, `teacher.safetensors`, and `representation.safetensors` when the student starts from it. The teacher answers in inference mode, for the very views the student sees.
 * Labels are looked at when `labelled` is above 0 only; then every label in the shards counts, so they hold no others than the
 * student may know.
 * @throws what `train` throws
 */
export async function distill(job: DistillJob, around: Surroundings): Promise<Outcome> {
  const { architecture, distill: settings, shards, untilEpoch, seed } = job;
  const network = networkOf(architecture);
  const optimizer = optimizerOf(settings.optimizer, network.parameters, { weightDecay: settings.weightDecay });
  const teacherNetwork = networkOf(job.teacher);
  const teacher = await loadModel(join(around.folder, 'in', 'teacher.safetensors'), job.teacher, teacherNetwork.parameters);
  const predict = predictor(teacherNetwork, around.execution);
  const representation = () =>
    loadRepresentation(join(around.folder, 'in', 'representation.safetensors'), architecture, network.parameters);
  try {
    return await train<DistillBatch>(
      {
        job,
        architecture,
        untilEpoch,
        network,
        optimizer,
        plan: planTraining({ ...settings, images: imagesIn(shards) }),
        step: distillStep(network, optimizer, settings),
        weights: job.pretrained ? representation : undefined,
        views: 1,
        batch(rows, epoch) {
          const pixels = lightViews(rows, seed, epoch);
          const { logits: teacherLogits, probabilities } = predict(teacher, pixels);
          probabilities.dispose();
          const labels = tf.tensor1d(rows.labels ?? new Int32Array(rows.ids.length).fill(-1), 'int32');
          return { pixels, teacherLogits, labels };
        },
      },
      around,
    );
  } finally {
    disposeReplaced(teacher);
  }
}
