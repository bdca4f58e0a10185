import { expect, test } from 'vitest';
import { unitRows } from '../../../learning/ops/rows.ts';
import { neighbourVotes } from '../../../learning/probes/neighbours.ts';
import { readSafetensors } from '../../../learning/safetensors.ts';
import { tf } from '../../../learning/tensorflow.ts';
import { expectNoLeak, noise, valuesOf } from '../tensors.ts';

/** A unit vector whose cosine with [1, 0] is the given one. */
const at = (cosine: number) => [cosine, Math.sqrt(1 - cosine ** 2)];
const query = tf.tensor2d([[3, 0]]);

test('neighbourVotes: a neighbour at cosine 0.9 has e times the weight of one at 0.8', () => {
  const unit = tf.tensor2d([at(0.8), at(0.9)]);
  const [first = 0, second = 0] = valuesOf(neighbourVotes(query, { unit, labels: Int32Array.of(0, 1) }, 2));
  expect(second / first).toBeCloseTo(Math.E, 4); // exp(0.9 / 0.1) / exp(0.8 / 0.1)
  expect(first + second).toBeCloseTo(1, 6);
});

test('neighbourVotes: only the k nearest vote, and all of them for their class', () => {
  const bank = { unit: tf.tensor2d([at(0.5), at(0.9), at(0.9), at(0.99), at(0.6)]), labels: Int32Array.of(0, 1, 1, 2, 0) };
  const votes = (k: number) => valuesOf(neighbourVotes(query, bank, 3, k));
  expect(votes(1)).toEqual([0, 0, 1]);
  const [none, two = 0, one = 0] = votes(3);
  expect(none).toBe(0);
  expect(one / two).toBeCloseTo(Math.exp(0.9) / 2, 4); // cosines apart by 0.09, at T 0.1
  expect(votes(9)[0]).toBeGreaterThan(0); // k above the bank takes all of it
});

test('neighbourVotes: equal to scikit-learn’s KNeighborsClassifier with these weights (golden/make-neighbours.py)', async () => {
  const { tensors } = await readSafetensors(new URL('../../golden/neighbours.safetensors', import.meta.url).pathname);
  const tensor = (name: string) => tf.tensor(tensors[name]!.data, tensors[name]!.shape, 'float32');
  const bank = { unit: unitRows(tensor('bank')), labels: Int32Array.from(tensors.labels!.data) };
  for (const k of [20, 200]) {
    const [ours, theirs] = [valuesOf(neighbourVotes(tensor('queries'), bank, 5, k)), valuesOf(tensor(`votes${k}`))];
    expect(Math.max(...ours.map((value, i) => Math.abs(value - theirs[i]!)))).toBeLessThan(1e-5);
  }
});

test('neighbourVotes: leaves no tensor behind', () => {
  const bank = { unit: unitRows(noise([30, 4], 1)), labels: Int32Array.from({ length: 30 }, (_, i) => i % 3) };
  expectNoLeak(() => void neighbourVotes(noise([7, 4], 2), bank, 3));
});
