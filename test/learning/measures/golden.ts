/** Random answers and what scikit-learn says of them: test/golden/make-measures.py. */
import { fileURLToPath } from 'node:url';
import { readSafetensors } from '../../../learning/safetensors.ts';

export type Expected = Record<
  'accuracy' | 'top5' | 'balancedAccuracy' | 'kappa' | 'loss' | 'auc' | 'aucDeviation' | 'calibrationError',
  number | null
> &
  Record<'precision' | 'recall' | 'f1' | 'areas', (number | null)[]> & { confusion: number[][] };

/** `truth` [n], `rows` [n][classes]. */
export type Answers = { truth: Int32Array; rows: Float32Array[]; classes: number; expected: Expected };

export async function goldenAnswers(name: 'seven' | 'absent' | 'two'): Promise<Answers> {
  const file = fileURLToPath(new URL('../../golden/measures.safetensors', import.meta.url));
  const { tensors, metadata } = await readSafetensors(file);
  const [truth, probabilities] = [tensors[`${name} truth`]!.data as Int32Array, tensors[`${name} probabilities`]!];
  const classes = probabilities.shape[1]!;
  const flat = probabilities.data as Float32Array;
  const rows = Array.from(truth, (_, i) => flat.subarray(i * classes, (i + 1) * classes));
  return { truth, rows, classes, expected: JSON.parse(metadata[name]!) };
}
