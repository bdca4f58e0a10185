import { expect, test } from 'vitest';
import { philox, randomStream } from '../../learning/random.ts';

// Random123 (Salmon et al. 2011), kat_vectors, lines "philox4x32 10": counter, key, result.
const known = [
  ['00000000 00000000 00000000 00000000', '00000000 00000000', '6627e8d5 e169c58d bc57ac4c 9b00dbd8'],
  ['ffffffff ffffffff ffffffff ffffffff', 'ffffffff ffffffff', '408f276d 41c83b0e a20bc7c6 6d5451fd'],
  ['243f6a88 85a308d3 13198a2e 03707344', 'a4093822 299f31d0', 'd16cfe09 94fdcceb 5001e420 24126ea1'],
] as const;
const words = (text: string) => Uint32Array.from(text.split(' '), (word) => Number.parseInt(word, 16));

test.each(known)('philox: the published answer for counter %s', (counter, key, expected) => {
  const block = new Uint32Array(4);
  philox(words(counter), words(key), block);
  expect(block).toEqual(words(expected));
});

const draws = (count: number, draw: () => number) => Float64Array.from({ length: count }, draw);
const mean = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0) / values.length;

test('randomStream: the same name gives the same draws', () => {
  const [one, two] = [randomStream(7, 'view', 3, 'cat/1.png', 0), randomStream(7, 'view', 3, 'cat/1.png', 0)];
  expect(draws(100, () => one.uniform())).toEqual(draws(100, () => two.uniform()));
});

test('randomStream: draws stay what they were, so that stored runs can be repeated', () => {
  // The first also worked out in Python with hashlib and whole numbers of any size: SHA-256 of [1,"view",0,"a",0].
  expect(randomStream(1, 'view', 0, 'a', 0).uniform()).toBe(0.6518241487689749);
  expect([...randomStream(1, 'shard order', 0).permutation(8)]).toEqual([6, 4, 0, 7, 3, 1, 5, 2]);
});

test('randomStream: seed, purpose and indices each make another stream, and none is confused with its neighbour', () => {
  const names: [number, ...(string | number)[]][] = [
    [1],
    [2],
    [1, 'a'],
    [1, 'a', 1],
    [1, 'a', '1'],
    [1, 'a1'],
    [1, 'a', 1, 0],
    [1, 'a', 10],
    [1, 'b', 1],
  ];
  const first = names.map(([seed, ...parts]) => randomStream(seed, ...parts).uniform());
  expect(new Set(first).size).toBe(names.length);
});

test('randomStream: a name that is not finite is refused', () => {
  expect(() => randomStream(Number.NaN, 'view')).toThrow('Cannot name a random stream');
});

test('uniform: in [0, 1), mean 1/2 and variance 1/12', () => {
  const random = randomStream(1, 'uniform');
  const values = draws(100_000, () => random.uniform());
  expect(values.every((value) => value >= 0 && value < 1)).toBe(true);
  expect(mean(values)).toBeCloseTo(0.5, 2);
  expect(mean(values.map((value) => (value - 0.5) ** 2))).toBeCloseTo(1 / 12, 3);
});

test('normal: mean 0, variance 1, fourth moment 3', () => {
  const random = randomStream(1, 'normal');
  const values = draws(200_000, () => random.normal());
  expect(Math.abs(mean(values))).toBeLessThan(0.01);
  expect(mean(values.map((value) => value ** 2))).toBeCloseTo(1, 1);
  expect(Math.abs(mean(values.map((value) => value ** 4)) - 3)).toBeLessThan(0.1);
});

test('integer: every number below n comes equally often', () => {
  const random = randomStream(1, 'integer');
  const counts = new Array<number>(6).fill(0);
  for (let i = 0; i < 60_000; i++) counts[random.integer(6)]!++;
  const chiSquared = counts.reduce((sum, count) => sum + (count - 10_000) ** 2 / 10_000, 0);
  expect(chiSquared).toBeLessThan(20.5); // 5 degrees of freedom, p = 0.001
});

test('integer: no bias where n does not divide 2^32', () => {
  // With a plain remainder, numbers below 2^30 would come twice as often for n = 3 · 2^30.
  const random = randomStream(1, 'wide');
  const low = draws(30_000, () => Number(random.integer(3 * 2 ** 30) < 2 ** 30));
  expect(mean(low)).toBeCloseTo(1 / 3, 1.5);
});

test.each([0, 1.5, -1, 2 ** 32 + 1])('integer: n = %s is refused', (n) => {
  expect(() => randomStream(1).integer(n)).toThrow(`n must be 1 to 2³²: ${n}`);
});

test('permutation: holds every number once, and all six orders of three come equally often', () => {
  const random = randomStream(1, 'permutation');
  expect([...random.permutation(1000)].sort((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, i) => i));
  const counts = new Map<string, number>();
  for (let i = 0; i < 6000; i++) {
    const order = random.permutation(3).join('');
    counts.set(order, (counts.get(order) ?? 0) + 1);
  }
  expect(counts.size).toBe(6);
  for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(120);
});
