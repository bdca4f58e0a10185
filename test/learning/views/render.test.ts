import { expect, test } from 'vitest';
import type { ViewSettings } from '../../../contracts/trainer.ts';
import { binding } from '../../../learning/ops/native.ts';
import { randomStream } from '../../../learning/random.ts';
import type { HostTensor } from '../../../learning/safetensors.ts';
import { tf } from '../../../learning/tensorflow.ts';
import { drawViews } from '../../../learning/views/draw.ts';
import { pieceSize, renderBatch, renderViews } from '../../../learning/views/render.ts';

const simclr: ViewSettings = { kind: 'simclr', jitter: 1, minArea: 0.08, blur: true };
const idsOf = (n: number) => Array.from({ length: n }, (_, i) => `image ${i}`);

/** Smooth pictures with some noise: uint8 [n, S, S, 3]. */
function pictures(n: number, size: number): HostTensor & { dtype: 'uint8' } {
  const random = randomStream(1, 'pictures');
  const data = Uint8Array.from(
    { length: n * size * size * 3 },
    (_, i) => 128 + 100 * Math.sin(i / (7 + (i % 3) * 20)) + 27 * random.uniform(),
  );
  return { dtype: 'uint8', shape: [n, size, size, 3], data };
}
const imageOf = ({ data }: HostTensor, i: number, size: number) => data.slice(i * size * size * 3, (i + 1) * size * size * 3) as Uint8Array;

test('renderViews: without jitter, crop, flip, grayscale and blur an image is itself', () => {
  const images = pictures(40, 32);
  const parameters = drawViews({ kind: 'finetune', jitter: 0, minArea: 1, blur: false }, 1, 0, idsOf(40), 1, 32);
  parameters.flip.fill(0);
  expect(renderViews(images, parameters)).toEqual({ dtype: 'uint8', shape: [40, 1, 32, 32, 3], data: images.data });
});

test('renderViews: neutral colours in any order change nothing', () => {
  const images = pictures(24, 32);
  const parameters = drawViews({ kind: 'finetune', jitter: 0, minArea: 1, blur: false }, 1, 0, idsOf(24), 1, 32);
  parameters.flip.fill(0);
  parameters.order.set(Array.from({ length: 24 }, (_, order) => order));
  expect(renderViews(images, parameters).data).toEqual(images.data);
});

test('renderViews: jitter strength 0 is no jitter', () => {
  const images = pictures(30, 32);
  const parameters = drawViews({ ...simclr, jitter: 0, minArea: 1, blur: false }, 1, 0, idsOf(30), 1, 32);
  parameters.flip.fill(0);
  parameters.gray.fill(0);
  expect(renderViews(images, parameters).data).toEqual(images.data);
});

// Sizes below and above the blur, a width whose bytes do not come in fours, and pieces of several views or of one.
test.each([
  [32, 40],
  [33, 9],
  [96, 9],
])('renderViews: an image of %i px alone gives the same bytes as among %i others', (size, n) => {
  const [images, ids] = [pictures(n, size), idsOf(n)];
  const together = renderViews(images, drawViews(simclr, 1, 0, ids, 2, size));
  for (const i of [0, 3, n - 1]) {
    const alone = renderViews(
      { dtype: 'uint8', shape: [1, size, size, 3], data: imageOf(images, i, size) },
      drawViews(simclr, 1, 0, [ids[i]!], 2, size),
    );
    const length = 2 * size * size * 3;
    expect(alone.data).toEqual(together.data.slice(i * length, (i + 1) * length));
  }
});

test('renderViews: the same seed gives the same bytes, another epoch others, and two views of an image differ', () => {
  const [images, ids] = [pictures(12, 32), idsOf(12)];
  const render = (epoch: number) => renderViews(images, drawViews(simclr, 1, epoch, ids, 2, 32));
  const once = render(0);
  expect(render(0)).toEqual(once);
  expect(render(1).data).not.toEqual(once.data);
  for (let i = 0; i < 12; i++) expect(imageOf(once, 2 * i, 32)).not.toEqual(imageOf(once, 2 * i + 1, 32));
});

test('renderViews: gray views have equal channels, others do not', () => {
  const [images, ids] = [pictures(40, 32), idsOf(40)];
  const parameters = drawViews(simclr, 1, 0, ids, 1, 32);
  const views = renderViews(images, parameters);
  for (let i = 0; i < 40; i++) {
    const view = imageOf(views, i, 32);
    const equal = view.every((value, at) => value === view[at - (at % 3)]);
    expect(equal).toBe(parameters.gray[i] === 1);
  }
});

test('renderViews: only blurred views are blurred, whatever stands beside them', () => {
  const images = pictures(20, 64);
  const parameters = drawViews({ kind: 'finetune', jitter: 0, minArea: 1, blur: false }, 1, 0, idsOf(20), 1, 64);
  parameters.flip.fill(0);
  parameters.sigma.set([0, 2, 0, 1, 0, 0, 0.5]);
  const views = renderViews(images, parameters);
  const same = Array.from({ length: 20 }, (_, i) => Buffer.from(imageOf(views, i, 64)).equals(imageOf(images, i, 64)));
  expect(same).toEqual(Array.from(parameters.sigma, (sigma) => sigma === 0));
});

test('renderBatch: the same pixels, all first views before all second ones', () => {
  const [images, ids] = [pictures(10, 32), idsOf(10)];
  const parameters = drawViews(simclr, 1, 0, ids, 2, 32);
  const [host, device] = [renderViews(images, parameters), renderBatch(images, parameters)];
  const values = Uint8Array.from(device.dataSync());
  expect(device.shape).toEqual([20, 32, 32, 3]);
  for (let i = 0; i < 20; i++)
    expect(imageOf({ ...host, data: values }, (i % 2) * 10 + Math.floor(i / 2), 32)).toEqual(imageOf(host, i, 32));
  device.dispose();
});

test('renderViews and renderBatch: nothing stays in memory', () => {
  const [images, ids] = [pictures(30, 64), idsOf(30)];
  const counts = () => [tf.memory().numTensors, binding().getNumOfTensors()];
  const before = counts();
  renderViews(images, drawViews(simclr, 1, 0, ids, 2, 64));
  renderBatch(images, drawViews(simclr, 1, 0, ids, 2, 64)).dispose();
  expect(counts()).toEqual(before);
});

test('renderViews: images of another shape are refused', () => {
  const parameters = drawViews(simclr, 1, 0, idsOf(2), 2, 32);
  expect(() => renderViews(pictures(3, 32), parameters)).toThrow(
    'Cannot render views as images must be uint8 [2,32,32,3]: uint8 [3,32,32,3]',
  );
});

test('pieceSize: rows fit, at most an eighth is rendered for nothing, and 256 numbers of rows come to 48 sizes', () => {
  const rows = Array.from({ length: 256 }, (_, i) => i + 1);
  for (const each of rows) {
    expect(pieceSize(each)).toBeGreaterThanOrEqual(each);
    expect(pieceSize(each)).toBeLessThan(each * 1.125);
  }
  expect(new Set(rows.map(pieceSize)).size).toBe(48);
});
