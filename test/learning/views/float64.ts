/** A view worked out pixel by pixel in float64, straight from the formulas: the slow oracle of the renderer. */
import { type Operation, operationOrder } from '../../../learning/views/colour.ts';
import type { Box } from '../../../learning/views/crop-box.ts';
import { NO_JITTER, type ViewParameters } from '../../../learning/views/draw.ts';

/** Value of a channel at a pixel, 0 to 1. */
type Picture = (y: number, x: number, channel: number) => number;

const clamp = (value: number, least = 0, most = 1) => Math.min(most, Math.max(least, value));
const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);

/** Work out every value once. */
function fixed(size: number, picture: Picture): Picture {
  const values = Float64Array.from({ length: size * size * 3 }, (_, i) =>
    picture(Math.floor(i / 3 / size), Math.floor(i / 3) % size, i % 3),
  );
  return (y, x, channel) => values[(y * size + x) * 3 + channel]!;
}

/** Keys 1981, a = −1/2. */
function keys(distance: number): number {
  const x = Math.abs(distance);
  if (x >= 2) return 0;
  return x < 1 ? 1.5 * x ** 3 - 2.5 * x ** 2 + 1 : -0.5 * x ** 3 + 2.5 * x ** 2 - 4 * x + 2;
}

/** Bicubic: every pixel of the crop weighs by its distance to the middle of the new pixel; weights sum to 1. */
function weights(length: number, size: number, at: number): number[] {
  const raw = Array.from({ length }, (_, i) => keys(i + 0.5 - ((at + 0.5) * length) / size));
  return raw.map((weight) => weight / sum(raw));
}

function cropped(picture: Picture, { top, left, height, width }: Box, size: number): Picture {
  const [down, across] = [height, width].map((length) => Array.from({ length: size }, (_, at) => weights(length, size, at)));
  const high = (y: number, x: number, c: number) => sum(down![y]!.map((weight, i) => (weight === 0 ? 0 : weight * picture(top + i, x, c))));
  const tall = new Map<string, number>();
  const at = (y: number, x: number, c: number) => {
    const key = `${y} ${x} ${c}`;
    return tall.get(key) ?? tall.set(key, high(y, x, c)).get(key)!;
  };
  return (y, x, c) => clamp(sum(across![x]!.map((weight, i) => (weight === 0 ? 0 : weight * at(y, left + i, c)))));
}

/** Where a place outside lies when the picture is mirrored at its edges, again and again: d c b a | a b c d | d c b a. */
function mirrored(place: number, size: number): number {
  const from = (((place + 0.5) % (2 * size)) + 2 * size) % (2 * size);
  return clamp((from > size ? 2 * size - from : from) - 0.5, 0, size - 1);
}

/** Turned against the clock; rows count downwards. */
function rotated(picture: Picture, degrees: number, size: number): Picture {
  const [cos, sin, middle] = [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180), (size - 1) / 2];
  return (y, x, c) => {
    const sourceX = mirrored(middle + cos * (x - middle) - sin * (y - middle), size);
    const sourceY = mirrored(middle + sin * (x - middle) + cos * (y - middle), size);
    const [x0, y0] = [Math.floor(sourceX), Math.floor(sourceY)];
    const [x1, y1] = [Math.min(size - 1, x0 + 1), Math.min(size - 1, y0 + 1)];
    const row = (at: number) => picture(at, x0, c) * (1 - sourceX + x0) + picture(at, x1, c) * (sourceX - x0);
    return row(y0) * (1 - sourceY + y0) + row(y1) * (sourceY - y0);
  };
}

function toHsv(r: number, g: number, b: number): [h: number, s: number, v: number] {
  const [v, least] = [Math.max(r, g, b), Math.min(r, g, b)];
  const chroma = v - least;
  if (chroma === 0) return [0, 0, v];
  const sixths = v === r ? (g - b) / chroma : v === g ? 2 + (b - r) / chroma : 4 + (r - g) / chroma;
  return [(((sixths / 6) % 1) + 1) % 1, chroma / v, v];
}

function fromHsv(h: number, s: number, v: number): [r: number, g: number, b: number] {
  const channel = (n: number) => {
    const k = (n + h * 6) % 6;
    return v - v * s * clamp(Math.min(k, 4 - k));
  };
  return [channel(5), channel(3), channel(1)];
}

const throughHsv =
  (picture: Picture, change: (hsv: [number, number, number]) => [number, number, number]): Picture =>
  (y, x, c) =>
    fromHsv(...change(toHsv(picture(y, x, 0), picture(y, x, 1), picture(y, x, 2))))[c]!;

function coloured(picture: Picture, operation: Operation, row: number, { jitterForm, size, ...factors }: ViewParameters): Picture {
  const factor = factors[operation][row]!;
  switch (operation) {
    case 'brightness':
      return (y, x, c) => clamp(jitterForm === 'v1' ? picture(y, x, c) + factor : picture(y, x, c) * factor);
    case 'contrast': {
      const means = [0, 1, 2].map(
        (c) => sum(Array.from({ length: size * size }, (_, i) => picture(Math.floor(i / size), i % size, c))) / size ** 2,
      );
      return (y, x, c) => clamp((picture(y, x, c) - means[c]!) * factor + means[c]!);
    }
    case 'saturation':
      return throughHsv(picture, ([h, s, v]) => [h, clamp(s * factor), v]);
    case 'hue':
      return throughHsv(picture, ([h, s, v]) => [(h + factor + 1) % 1, s, v]);
  }
}

/** The kernel exp(−(i² + j²) / 2σ²) of size / 10 taps a side, scaled to sum 1; black beyond the edge. */
function blurred(picture: Picture, sigma: number, size: number): Picture {
  const radius = Math.floor(Math.floor(size / 10) / 2);
  const offsets = Array.from({ length: 2 * radius + 1 }, (_, i) => i - radius);
  const taps = offsets.flatMap((i) => offsets.map((j) => ({ i, j, weight: Math.exp(-(i ** 2 + j ** 2) / (2 * sigma ** 2)) })));
  const total = sum(taps.map(({ weight }) => weight));
  const inside = (at: number) => at >= 0 && at < size;
  return (y, x, c) => sum(taps.map(({ i, j, weight }) => (inside(y + i) && inside(x + j) ? weight * picture(y + i, x + j, c) : 0))) / total;
}

/**
 * One view, before it is rounded.
 * @param image  uint8 [size, size, 3]
 * @param row    of the parameters
 * @returns      [size, size, 3], 0 to 255
 */
export function viewInFloat64(image: Uint8Array, row: number, parameters: ViewParameters): Float64Array {
  const { size, boxes, flip, verticalFlip, angle, order, gray, sigma, solarize, erased } = parameters;
  const mirror = (at: number, isMirrored: number) => (isMirrored ? size - 1 - at : at);
  const step = (make: (picture: Picture) => Picture) => (picture = fixed(size, make(picture)));
  let picture: Picture = (y, x, c) => image[(y * size + x) * 3 + c]! / 255;
  step((before) => cropped(before, boxes[row]!, size));
  step((before) => (y, x, c) => before(mirror(y, verticalFlip[row]!), mirror(x, flip[row]!), c));
  if (angle[row]) step((before) => rotated(before, angle[row]!, size));
  const operations = order[row] === NO_JITTER ? [] : operationOrder(order[row]!);
  for (const operation of operations) step((before) => coloured(before, operation, row, parameters));
  if (gray[row]) step((before) => (y, x) => 0.2989 * before(y, x, 0) + 0.587 * before(y, x, 1) + 0.114 * before(y, x, 2));
  if (sigma[row]) step((before) => blurred(before, sigma[row]!, size));
  step((before) => (y, x, c) => (before(y, x, c) < solarize[row]! ? before(y, x, c) : 1 - before(y, x, c)));
  const box = erased[row];
  const isErased = (y: number, x: number) => box && y >= box.top && y < box.top + box.height && x >= box.left && x < box.left + box.width;
  step((before) => (y, x, c) => (isErased(y, x) ? 0 : before(y, x, c)));
  return Float64Array.from({ length: size * size * 3 }, (_, i) => 255 * picture(Math.floor(i / 3 / size), Math.floor(i / 3) % size, i % 3));
}
