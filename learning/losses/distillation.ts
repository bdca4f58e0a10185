/**
 * Distillation: the student answers as the teacher does.
 *   L = −T² Σ_c P_teacher(c | x; T) log P_student(c | x; T),  P(· ; T) = softmax(logits / T)
 * SimCLRv2 (arXiv 2006.10029), eq. 2, with the factor T² of Hinton et al. (2015, section 2) and of the authors' notebook, which eq. 2 leaves
 * out: without it a learning rate would be another one at each temperature.
 */
import { meanOf, softmaxLossOf } from '../ops/softmax-loss.ts';
import { type Tensor, tf } from '../tensorflow.ts';

/**
 * @param student      logits, float32 [B, C]
 * @param teacher      logits, float32 [B, C]; no gradient flows to it
 * @param temperature  T > 0
 * @returns            scalar, mean over the batch; at best T² times the teacher's entropy
 */
export function distillation(student: Tensor, teacher: Tensor, temperature: number): Tensor {
  const answers = tf.softmax(tf.div(teacher, temperature)); // [B, C]
  return tf.mul(meanOf(softmaxLossOf(tf.div(student, temperature), answers)), temperature ** 2);
}

/**
 * Several teachers as one, whose answer at the temperature is the mean of theirs: softmax(z / T) = mean_i softmax(z_i / T).
 * @param logits  z_i, float32 [B, C] each
 * @returns       z, float32 [B, C]; of one teacher its own
 */
export function togetherAt(temperature: number, logits: Tensor[]): Tensor {
  const [only] = logits;
  if (only && logits.length === 1) return only;
  const answers = logits.map((each) => tf.softmax(tf.div(each, temperature)));
  const mean = tf.div(tf.addN(answers), logits.length);
  return tf.mul(tf.log(tf.maximum(mean, 1e-30)), temperature);
}
