import { expect, test } from 'vitest';
import { holdOut, splitToJudge } from '../../../learning/images/hold-out.ts';

/** 400 images of class 0, 200 of class 1, one of class 2, and every third position without a label. */
const LABELS = Int32Array.from({ length: 900 }, (_, i) => (i % 3 === 2 ? -1 : i === 0 ? 2 : i % 9 < 6 ? 0 : 1));
const DRAWN = Int32Array.from(LABELS.keys()).filter((i) => LABELS[i]! >= 0);
const countOf = (positions: Int32Array, label: number) => positions.filter((i) => LABELS[i] === label).length;

test('holdOut: a share of each class, and what is left, are the drawn images', () => {
  const { training, heldOut } = holdOut(LABELS, DRAWN, 0.1, 0, 1);
  expect([...training, ...heldOut].sort((a, b) => a - b)).toEqual([...DRAWN]);
  expect([0, 1].map((label) => countOf(heldOut, label))).toEqual([0, 1].map((label) => Math.round(0.1 * countOf(DRAWN, label))));
  for (const positions of [training, heldOut]) expect(positions).toEqual(positions.slice().sort());
});

test('holdOut: one of each class is left to learn from', () => {
  expect(countOf(holdOut(LABELS, DRAWN, 0.5, 0, 1).training, 2)).toBe(1);
});

test('holdOut: none where they would be fewer than fifty', () => {
  const held = (images: number) => holdOut(LABELS, DRAWN.filter((i) => LABELS[i] === 0).subarray(0, images), 0.5, 0, 1);
  expect([held(100).heldOut.length, held(98).heldOut.length]).toEqual([50, 0]);
  expect(held(98).training).toHaveLength(98);
  expect(holdOut(LABELS, DRAWN, 0, 0, 1)).toEqual({ training: DRAWN, heldOut: new Int32Array() });
});

test('holdOut: two thousand are enough', () => {
  const labels = Int32Array.from({ length: 10_000 }, (_, i) => i % 10);
  expect(holdOut(labels, Int32Array.from(labels.keys()), 0.5, 0, 1).heldOut).toHaveLength(2000);
});

test('holdOut: the same draw holds out the same images, another draw or seed others', () => {
  const held = (draw: number, seed: number) => holdOut(LABELS, DRAWN, 0.1, draw, seed).heldOut;
  expect(held(0, 1)).toEqual(held(0, 1));
  expect(held(1, 1)).not.toEqual(held(0, 1));
  expect(held(0, 2)).not.toEqual(held(0, 1));
});

test('splitToJudge: a fifth, nothing where that would be fewer than a hundred', () => {
  const labels = new Int32Array(500);
  const judged = (images: number) => splitToJudge(labels, Int32Array.from(labels.keys()).subarray(0, images), ['a'], 1);
  expect(judged(500).parts?.heldOut).toHaveLength(100);
  expect(judged(497)).toEqual({ why: 'about 500 labelled images are needed: there are 497' }); // 99
});

test('splitToJudge: of single epochs 25 labelled images of every class, and fifty held out', () => {
  const labels = Int32Array.from({ length: 1000 }, (_, i) => (i < 400 ? 0 : 1));
  const split = (ofFirst: number, ofSecond: number, share: number) => {
    const drawn = Int32Array.from(labels.keys()).filter((i) => i < ofFirst || (i >= 400 && i < 400 + ofSecond));
    return splitToJudge(labels, drawn, ['a', 'b'], 1, share);
  };
  expect(split(225, 25, 0.2).parts?.heldOut).toHaveLength(50);
  expect(split(226, 24, 0.2).why).toBe('25 labelled images of every class are needed: of "b" there are 24');
  expect(split(220, 25, 0.2).why).toBe('50 images must be held out: that share of 245 labelled ones is fewer');
});
