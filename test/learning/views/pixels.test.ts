/** Pixels of every operation against its formula in float64. */
import { expect, test } from 'vitest';
import type { ViewSettings } from '../../../contracts/trainer.ts';
import { randomStream } from '../../../learning/random.ts';
import { drawViews } from '../../../learning/views/draw.ts';
import { renderViews } from '../../../learning/views/render.ts';
import { viewInFloat64 } from './float64.ts';

/** Nothing but the crop. */
const CROP: ViewSettings = { kind: 'simclr', jitter: 0, minArea: 0.08, blur: false, flip: 0, grayscale: 0 };
const JITTER: Partial<ViewSettings> = { jitter: 1, jitterProbability: 1 };
const ALL: Partial<ViewSettings> = {
  ...JITTER,
  flip: 0.5,
  verticalFlip: 0.5,
  rotation: 180,
  grayscale: 0.2,
  blur: true,
  solarize: 0.5,
  erasing: 0.5,
};

/** Blots of colour, from black to white: uint8 [S, S, 3]. */
function picture(seed: number, size: number): Uint8Array {
  const random = randomStream(seed, 'picture');
  const waves = Array.from({ length: 3 }, () => [random.uniform() / 3, random.uniform() / 3, 6 * random.uniform()]);
  const value = (i: number) => {
    const [down, across, phase] = waves[i % 3]!;
    return 127 + 150 * Math.sin(down! * Math.floor(i / 3 / size) + across! * (Math.floor(i / 3) % size) + phase!) + 40 * random.uniform();
  };
  return Uint8Array.from({ length: size * size * 3 }, (_, i) => Math.min(255, Math.max(0, value(i))));
}

// 32 px is one block with three taps of blur, 72 px are two blocks with seven.
test.each(
  [
    ['crop', {}],
    ['flips', { minArea: 1, flip: 0.5, verticalFlip: 0.5 }],
    ['rotation', { minArea: 1, rotation: 180 }],
    ['jitter v2', { ...JITTER, minArea: 1 }],
    ['jitter v1', { ...JITTER, minArea: 1, jitterForm: 'v1' }],
    ['grayscale', { minArea: 1, grayscale: 1 }],
    ['blur', { minArea: 1, blur: true, blurProbability: 1 }],
    ['solarize', { minArea: 1, solarize: 0.5 }],
    ['erasing', { minArea: 1, erasing: 0.5 }],
    ['all together', ALL],
    ['all together, v1', { ...ALL, jitterForm: 'v1' }],
  ].flatMap(([name, laws]) => [
    [name, 32, 24, laws] as [string, number, number, Partial<ViewSettings>],
    [name, 72, 4, laws] as [string, number, number, Partial<ViewSettings>],
  ]),
)('renderViews: %s at %i px is the formula in float64, rounded', (_name, size, n, laws) => {
  const images = Array.from({ length: n }, (_, i) => picture(i, size));
  const ids = images.map((_, i) => `image ${i}`);
  const parameters = drawViews({ ...CROP, ...laws }, 1, 0, ids, 1, size);
  const { data } = renderViews({ dtype: 'uint8', shape: [n, size, size, 3], data: Uint8Array.from(Buffer.concat(images)) }, parameters);
  const bytes = size * size * 3;
  for (const [row, image] of images.entries()) {
    const exact = viewInFloat64(image, row, parameters);
    const away = exact.reduce((most, value, i) => Math.max(most, Math.abs(value - data[row * bytes + i]!)), 0);
    expect(away).toBeLessThan(0.5 + 0.01); // rounding, and what float32 loses before it
  }
});
