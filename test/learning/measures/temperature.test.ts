import { expect, test } from 'vitest';
import { atTemperature, fitTemperature } from '../../../learning/measures/temperature.ts';
import { randomStream } from '../../../learning/random.ts';

const softmax = (z: number[], temperature: number) => {
  const weights = z.map((value) => Math.exp(value / temperature));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
};

/** Logits [n][4] and labels drawn from softmax(z / T). */
function drawn(images: number, temperature: number, draw = 0): { logits: number[][]; labels: number[] } {
  const random = randomStream(1, 'temperature', images, draw);
  const logits = Array.from({ length: images }, () => Array.from({ length: 4 }, () => 3 * random.normal()));
  const labels = logits.map((z) => {
    const u = random.uniform();
    let reached = 0;
    const passed = softmax(z, temperature).map((share) => {
      reached += share;
      return reached;
    });
    return passed.filter((end) => end <= u).length;
  });
  return { logits, labels };
}

test.each([0.5, 1, 2.5])('fitTemperature: of labels drawn at T = %d it finds that T', (temperature) => {
  const { logits, labels } = drawn(4000, temperature);
  expect(fitTemperature(logits, labels).value / temperature).toBeCloseTo(1, 1);
});

test('fitTemperature: its interval holds the T of the labels nineteen times of twenty', () => {
  const within = Array.from({ length: 400 }, (_, draw) => {
    const { logits, labels } = drawn(100, 1.5, draw);
    const [low, high] = fitTemperature(logits, labels).interval;
    return Number(low <= 1.5 && 1.5 <= high);
  });
  const share = within.reduce((sum, value) => sum + value, 0) / within.length;
  expect(share).toBeGreaterThan(0.92); // of 400, 0.95 ± 0.022; wider, 1, would say nothing
  expect(share).toBeLessThan(0.98);
});

test('fitTemperature: nothing on a fine grid is likelier', () => {
  const { logits, labels } = drawn(60, 2);
  const cost = (temperature: number) =>
    logits.reduce((sum, z, i) => {
      const [p, now] = [softmax(z, temperature), softmax(z, 1)];
      const trust = p.reduce((total, share, c) => total - now[c]! * Math.log(share), 0);
      return sum - Math.log(p[labels[i]!]!) + (2 / 60) * trust;
    }, 0);
  const { value: fitted } = fitTemperature(logits, labels);
  for (let temperature = 0.1; temperature < 10; temperature *= 1.01) expect(cost(temperature)).toBeGreaterThanOrEqual(cost(fitted) - 1e-9);
});

test('fitTemperature: fifty right answers do not make the next one certain', () => {
  const logits = Array.from({ length: 50 }, () => [Math.log(9), 0]); // 90 % each, all right
  const { value: fitted } = fitTemperature(logits, new Array(50).fill(0));
  const [sure] = softmax([Math.log(9), 0], fitted);
  expect(sure).toBeGreaterThan(0.99);
  expect(sure).toBeLessThan(0.997); // (50 + 2·0.9) of 52
});

test('atTemperature: softmax of what the temperature divides, also of large logits', () => {
  expect([...atTemperature([2 * Math.log(3), 0], 2)]).toEqual([expect.closeTo(0.75, 6), expect.closeTo(0.25, 6)]);
  expect([...atTemperature([2000, 0], 1)]).toEqual([1, 0]);
});

test('fitTemperature: without images nothing is changed', () => {
  expect(fitTemperature([], []).value).toBe(1);
});
