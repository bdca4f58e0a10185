import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { randomStream } from '../../../learning/random.ts';
import { readSafetensors } from '../../../learning/safetensors.ts';
import { type Tensor, tf } from '../../../learning/tensorflow.ts';
import { blocksOf, crop, cropInputs } from '../../../learning/views/crop.ts';
import { type Box, type CropLaws, drawBox } from '../../../learning/views/crop-box.ts';
import { distance, expectNoLeak } from '../tensors.ts';
import { imagesOf } from './planes.ts';

beforeEach(() => tf.engine().startScope());
afterEach(() => tf.engine().endScope());

const SIZE = 24;

/** Views of one image, float32 [B, S, S, 3] in [0, 1], made in blocks of `most` pixels a side. */
function cropOf(
  image: Tensor,
  boxes: Box[],
  {
    flip = boxes.map(() => 0),
    verticalFlip = boxes.map(() => 0),
    most = SIZE,
  }: { flip?: number[]; verticalFlip?: number[]; most?: number } = {},
): Tensor {
  const blocks = blocksOf(SIZE, most);
  const { count: k, length, window } = blocks;
  const pixels = Uint8Array.from(image.dataSync());
  const inputs = cropInputs(
    boxes.map(() => pixels),
    boxes,
    { flip, verticalFlip },
    SIZE,
    blocks,
  );
  const windows = tf.tensor(Float32Array.from(inputs.windows), [boxes.length, k, window, k, window, 3]);
  const rows = tf.tensor4d(inputs.rows, [boxes.length, k, length, window]);
  const columns = tf.tensor4d(inputs.columns, [boxes.length, k, window, length]);
  return imagesOf(crop(windows, rows, columns, SIZE, 1 / 255));
}

// Pillow 13.0.0, float mode; made by test/golden/make-views.py.
async function pillow(): Promise<{ image: Tensor; boxes: Box[]; views: Tensor }> {
  const { tensors } = await readSafetensors(join(import.meta.dirname, '../../golden/crops.safetensors'));
  const numbers = Array.from(tensors.boxes!.data);
  const boxes = Array.from({ length: numbers.length / 4 }, (_, i) => {
    const [left = 0, top = 0, width = 0, height = 0] = numbers.slice(4 * i, 4 * i + 4);
    return { left, top, width, height };
  });
  const views = tf.clipByValue(tf.div(tf.tensor(tensors.views!.data, tensors.views!.shape), 255), 0, 1);
  return { image: tf.tensor(Float32Array.from(tensors.image!.data), [1, SIZE, SIZE, 3]), boxes, views };
}

// In one block, in blocks that fit, and in blocks that stand out over the edge.
test.each([24, 12, 11, 7])('crop: as Pillow crops and resizes, bicubic, in blocks of at most %i pixels', async (most) => {
  const { image, boxes, views } = await pillow();
  expect(distance(cropOf(image, boxes, { most }), views)).toBeLessThan(1e-6);
});

test('crop: the whole image stays as it is', async () => {
  const { image } = await pillow();
  const whole = { top: 0, left: 0, height: SIZE, width: SIZE };
  expect(distance(cropOf(image, [whole]), tf.div(image, 255))).toBeLessThan(1e-6);
});

test.each([24, 7])(
  'crop: flipped is mirrored left to right, or top to bottom, and only where it is asked for, in blocks of at most %i pixels',
  async (most) => {
    const { image, boxes } = await pillow();
    const [flip, verticalFlip] = [
      [1, 0, 1, 0, 0],
      [0, 1, 1, 0, 1],
    ];
    const [plain, mixed] = [cropOf(image, boxes), cropOf(image, boxes, { flip, verticalFlip, most })];
    for (let i = 0; i < boxes.length; i++) {
      const at = (views: Tensor) => tf.slice(views, [i, 0, 0, 0], [1, SIZE, SIZE, 3]);
      const axes = [...(verticalFlip[i] ? [1] : []), ...(flip[i] ? [2] : [])];
      expect(distance(at(mixed), tf.reverse(at(plain), axes))).toBeLessThan(1e-6);
    }
  },
);

test.each([1, 24, 32, 33, 64, 65, 96, 224, 225, 512])(
  'blocksOf: blocks of a side of %i pixels cover it, none is empty, windows fit into it',
  (size) => {
    const { count, length, window } = blocksOf(size);
    expect(count * length).toBeGreaterThanOrEqual(size);
    expect((count - 1) * length).toBeLessThan(size);
    expect(window).toBeLessThanOrEqual(size);
  },
);

test('crop: keeps no tensor', async () => {
  const { image, boxes } = await pillow();
  expectNoLeak(() => void cropOf(image, boxes));
});

const LAWS = { crop: 'simclr', minArea: 0.08, maxArea: 1, aspect: [3 / 4, 4 / 3] } satisfies CropLaws;
const boxesOf = (count: number, laws: CropLaws = LAWS, size = 32) =>
  Array.from({ length: count }, (_, i) => drawBox(randomStream(1, 'box', i), size, laws));

const LAWS_OF_CROPS = ['simclr', 'torchvision'] as const;

test.each(LAWS_OF_CROPS)('drawBox, %s: inside the image, area and aspect in their ranges', (crop) => {
  const rounding = crop === 'torchvision' ? 1 : 0; // of each side, half a pixel; simclr's bounds hold for what is rounded
  for (const { top, left, height, width } of boxesOf(5000, { ...LAWS, crop })) {
    expect(Math.min(top, left, 32 - top - height, 32 - left - width)).toBeGreaterThanOrEqual(0);
    expect((height + rounding / 2) * (width + rounding / 2)).toBeGreaterThanOrEqual(0.08 * 32 ** 2);
    expect(width).toBeGreaterThanOrEqual(Math.round(0.75 * height) - rounding);
    expect(width).toBeLessThanOrEqual(Math.round((4 / 3) * height) + rounding);
  }
});

test.each(LAWS_OF_CROPS)('drawBox, %s: reaches every edge, the smallest and the largest crop', (crop) => {
  const boxes = boxesOf(5000, { ...LAWS, crop });
  expect(boxes.some(({ top, height }) => top === 0 && height < 32)).toBe(true);
  expect(boxes.some(({ top, height }) => top + height === 32 && height < 32)).toBe(true);
  expect(boxes.some(({ left, width }) => left + width === 32 && width < 32)).toBe(true);
  expect(boxes.some(({ height, width }) => height * width === 32 * 32)).toBe(true);
  expect(boxes.some(({ height, width }) => height * width < 0.09 * 32 * 32)).toBe(true);
});

test.each([
  { ...LAWS, maxArea: 0.5 },
  { ...LAWS, minArea: 0.3, aspect: [0.5, 0.6] },
] satisfies CropLaws[])('drawBox: inside the laws of the recipe: %j', (laws) => {
  const [least, most] = laws.aspect;
  for (const { height, width } of boxesOf(5000, laws)) {
    expect((height * width) / 32 ** 2).toBeGreaterThanOrEqual(laws.minArea);
    expect((height * width) / 32 ** 2).toBeLessThanOrEqual(laws.maxArea);
    expect(width).toBeGreaterThanOrEqual(Math.round(least * height));
    expect(width).toBeLessThanOrEqual(Math.round(most * height));
  }
});

test('drawBox: where no box fits, the middle square of the largest area', () => {
  // 22² and 23² pixels are 0.473 and 0.517 of 32².
  const narrow: CropLaws = { crop: 'simclr', minArea: 0.4999, maxArea: 0.5, aspect: [1, 1] };
  expect(drawBox(randomStream(1), 32, narrow)).toEqual({ top: 5, left: 5, height: 22, width: 22 });
  // a box of two by one has half of the image at most
  for (const crop of LAWS_OF_CROPS)
    expect(drawBox(randomStream(1), 32, { crop, minArea: 0.6, maxArea: 0.7, aspect: [2, 3] })).toEqual({
      top: 3,
      left: 3,
      height: 26,
      width: 26,
    });
});

test('drawBox: a smallest area of 1 is the whole image', () => {
  expect(drawBox(randomStream(1), 32, { ...LAWS, minArea: 1 })).toEqual({ top: 0, left: 0, height: 32, width: 32 });
});
