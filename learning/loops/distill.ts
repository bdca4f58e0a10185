/** Distillation: classifier → student, on all images, labelled or not. */
import { join } from 'node:path';
import type { DistillJob } from '../../contracts/trainer.ts';
import { teacherFile } from '../feed.ts';
import { togetherAt } from '../losses/distillation.ts';
import { networkOf } from '../networks/network.ts';
import type { State } from '../networks/parameters.ts';
import { optimizerOf } from '../optimizers/choice.ts';
import { planTraining } from '../plan.ts';
import { loadModel, loadRepresentation } from '../state.ts';
import { type DistillBatch, distillStep } from '../steps/distill.ts';
import { predictor } from '../steps/predict.ts';
import { disposeReplaced } from '../steps/step.ts';
import { tf } from '../tensorflow.ts';
import { viewsOf } from './batch.ts';
import type { Surroundings } from './log.ts';
import { imagesIn, type Outcome, train } from './train.ts';

/**
 * Reads shards of images, `teacher.safetensors`, a `teacher-<i>.safetensors` for each further teacher, and `representation.safetensors` when the student starts from it.
 * Teachers answer in inference mode, for the very views the student sees; the answers of several are averaged.
 * Labels are looked at when `labelled` is above 0 only; then every label in the shards counts, so they hold no others than the
 * student may know.
 * @throws what `train` throws
 */
export async function distill(job: DistillJob, around: Surroundings): Promise<Outcome> {
  const { architecture, distill: settings, shards, untilEpoch } = job;
  const network = networkOf(architecture);
  const optimizer = optimizerOf(settings.optimizer, network.parameters, { weightDecay: settings.weightDecay, classifierAdapts: true });
  const teacherNetwork = networkOf(job.teacher);
  const teachers: State[] = [];
  for (let i = 0; i < (job.teachers ?? 1); i++)
    teachers.push(await loadModel(join(around.folder, 'in', teacherFile(i)), job.teacher, teacherNetwork.parameters));
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
        rateKey: 'distill.learningRate.base',
        views: 1,
        batch(rows, epoch) {
          const pixels = viewsOf(rows, job, epoch);
          const answers = (weights: State) => predict(weights, pixels).logits;
          const teacherLogits = tf.tidy(() => togetherAt(settings.temperature, teachers.map(answers)));
          const labels = tf.tensor1d(rows.labels ?? new Int32Array(rows.ids.length).fill(-1), 'int32');
          return { pixels, teacherLogits, labels };
        },
      },
      around,
    );
  } finally {
    for (const teacher of teachers) disposeReplaced(teacher);
  }
}
