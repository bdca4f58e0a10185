import { beforeAll, describe, expect, test } from 'vitest';
import { renderShape, SHAPE_CLASSES } from '../../../learning/images/shapes.ts';

const SIZE = 32;
const PER_CLASS = 120;
type Sample = { label: number; pixels: Uint8Array };

async function draw(set: string): Promise<Sample[]> {
  const names = SHAPE_CLASSES.flatMap((shape, label) => Array.from({ length: PER_CLASS }, (_, index) => ({ set, shape, label, index })));
  return Promise.all(names.map(async ({ label, ...name }) => ({ label, pixels: await renderShape(1, name, SIZE) })));
}

const channel = (pixels: Uint8Array, c: number) => Float64Array.from({ length: pixels.length / 3 }, (_, i) => pixels[i * 3 + c]!);
function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum / values.length;
}
function deviation(values: ArrayLike<number>): number {
  const middle = mean(values);
  return Math.sqrt(mean(Float64Array.from(values, (value) => (value - middle) ** 2)));
}
const colourStatistics = ({ pixels }: Sample) => [0, 1, 2].flatMap((c) => [mean(channel(pixels, c)), deviation(channel(pixels, c))]);
const histogram = ({ pixels }: Sample) =>
  [0, 1, 2].flatMap((c) => [0, 1, 2, 3].map((bin) => channel(pixels, c).filter((value) => Math.floor(value / 64) === bin).length));

/** Accuracy of the nearest class mean, on features scaled to unit variance. */
function nearestMean(features: (sample: Sample) => number[], train: Sample[], testing: Sample[]): number {
  const rows = train.map(features);
  const scales = rows[0]!.map((_, k) => deviation(rows.map((row) => row[k]!)) || 1);
  const scaled = (row: number[]) => row.map((value, k) => value / scales[k]!);
  const centres = SHAPE_CLASSES.map((_, label) => {
    const own = rows.filter((_, i) => train[i]!.label === label).map(scaled);
    return own[0]!.map((_, k) => mean(own.map((row) => row[k]!)));
  });
  const distance = (a: number[], b: number[]) => a.reduce((sum, value, k) => sum + (value - b[k]!) ** 2, 0);
  const hits = testing.filter((sample) => {
    const row = scaled(features(sample));
    const distances = centres.map((centre) => distance(row, centre));
    return distances.indexOf(Math.min(...distances)) === sample.label;
  });
  return hits.length / testing.length;
}

let [train, testing]: [Sample[], Sample[]] = [[], []];
beforeAll(async () => {
  [train, testing] = [await draw('train'), await draw('test')];
});

describe('renderShape', () => {
  test('renderShape: the same seed and name give the same bytes, any other name others', async () => {
    const name = { set: 'train', shape: 'striped', index: 3 };
    const pixels = await renderShape(1, name, 24);
    expect(pixels).toHaveLength(24 * 24 * 3);
    expect(await renderShape(1, name, 24)).toEqual(pixels);
    expect(await renderShape(2, name, 24)).not.toEqual(pixels);
    for (const other of [{ set: 'test' }, { index: 4 }, { shape: 'dotted' }])
      expect(await renderShape(1, { ...name, ...other }, 24)).not.toEqual(pixels);
  });

  test('renderShape: an unknown class is refused', async () => {
    await expect(renderShape(1, { set: 'train', shape: 'dog', index: 0 }, 32)).rejects.toThrow('as it must be one of checked, dashed');
  });

  test('renderShape: no two images are alike', () => {
    expect(new Set(train.map(({ pixels }) => Buffer.from(pixels).toString('base64'))).size).toBe(train.length);
    const brightness = train.map(({ pixels }) => mean(pixels));
    expect(deviation(brightness)).toBeGreaterThan(20); // of 255: dark images and bright ones
  });

  // Chance is 1/6 = 16.7 %; of 720 images three standard errors are 4.2 points.
  test('renderShape: mean and spread of colours do not give the class away', () => {
    expect(nearestMean(colourStatistics, train, testing)).toBeLessThan(1 / 6 + 0.045);
  });

  test('renderShape: colour histograms do not give the class away', () => {
    expect(nearestMean(histogram, train, testing)).toBeLessThan(1 / 6 + 0.045);
  });

  test('nearestMean: the same classifier finds classes that colour does give away', () => {
    const tinted = (samples: Sample[]) =>
      samples.map(({ label, pixels }) => ({ label, pixels: pixels.map((value, i) => (i % 3 === 0 ? label * 50 : value)) }));
    expect(nearestMean(colourStatistics, tinted(train), tinted(testing))).toBeGreaterThan(0.5);
  });
});
