/**
 * The demo's images: one textured shape in each, on clutter. The class is the texture; shape, pose, light, colours, clutter and
 * noise are drawn alike for all classes, so that nothing else tells them apart. Every texture covers half of its shape, hence
 * colour statistics are the same too (test/learning/images/shapes.test.ts).
 */
import sharp from 'sharp';
import { type Random, randomStream } from '../random.ts';

/** Raise when the same seed draws other pixels. */
export const SHAPES_VERSION = 3;

const SIDE = 32; // units of the drawing, whatever its size in pixels
const REACH = 24; // textures reach this far around the middle of a shape

/** Outlines around (0, 0), each of the area of a disc of radius 1. */
const OUTLINES: Record<string, string> = {
  cross: crossOf(Math.sqrt(Math.PI / 2.2222)),
  disc: 'M-1 0A1 1 0 1 1 1 0A1 1 0 1 1-1 0Z',
  triangle: polygon(3, Math.sqrt(Math.PI / 1.299)),
};

/** Textures of period p; each covers half of the plane (by the even-odd rule). */
const TEXTURES: Record<string, (p: number) => string> = {
  checked: (p) => checks(0.8 * p),
  dashed: dashes,
  dotted: (p) => dots(1.25 * p),
  ringed: rings,
  striped: stripes,
  waved: waves,
};

/** Names of the six classes, sorted. */
export const SHAPE_CLASSES: readonly string[] = Object.keys(TEXTURES);

/** A number as it stands in the drawing. */
function f(value: number): string {
  return value.toFixed(3);
}

function polygon(corners: number, radius: number): string {
  const points = Array.from({ length: corners }, (_, i) => (2 * Math.PI * i) / corners).map(
    (a) => `${f(radius * Math.cos(a))} ${f(radius * Math.sin(a))}`,
  );
  return `M${points.join('L')}Z`;
}

/** Arms of half-length L and half-width L/3: its area is 20/9 L². */
function crossOf(long: number): string {
  const [l, w, d] = [long, long / 3, (long * 2) / 3];
  return `M${f(-w)} ${f(-l)}h${f(2 * w)}v${f(d)}h${f(d)}v${f(2 * w)}h${f(-d)}v${f(d)}h${f(-2 * w)}v${f(-d)}h${f(-d)}v${f(-2 * w)}h${f(d)}Z`;
}

function places(period: number): number[] {
  const count = Math.ceil(REACH / period);
  return Array.from({ length: 2 * count + 1 }, (_, i) => (i - count) * period);
}

function stripes(period: number): string {
  return places(period)
    .map((x) => `M${f(x)} ${-REACH}h${f(period / 2)}V${REACH}h${f(-period / 2)}Z`)
    .join('');
}

function dots(period: number): string {
  const r = period * Math.sqrt(0.5 / Math.PI); // half of each cell
  const dot = `a${f(r)} ${f(r)} 0 1 1 ${f(2 * r)} 0a${f(r)} ${f(r)} 0 1 1 ${f(-2 * r)} 0Z`;
  return places(period)
    .flatMap((x) => places(period).map((y) => `M${f(x - r)} ${f(y)}${dot}`))
    .join('');
}

function checks(side: number): string {
  const cells = places(side).map((x, i) =>
    places(side).map((y, j) => ((i + j) % 2 ? '' : `M${f(x)} ${f(y)}h${f(side)}v${f(side)}h${f(-side)}Z`)),
  );
  return cells.flat().join('');
}

/** Rows of dashes, each row moved by half against the one before: three quarters long, two thirds thick. */
function dashes(period: number): string {
  const rows = places(period).map((y, row) =>
    places(2 * period).map((x) => `M${f(x + (row % 2) * period)} ${f(y)}h${f(1.5 * period)}v${f((2 / 3) * period)}h${f(-1.5 * period)}Z`),
  );
  return rows.flat().join('');
}

/** Discs within discs: the even-odd rule leaves rings. */
function rings(period: number): string {
  const radii = Array.from({ length: Math.ceil((2 * REACH) / period) }, (_, i) => ((i + 1) * period) / 2);
  return radii.map((r) => `M${f(-r)} 0a${f(r)} ${f(r)} 0 1 1 ${f(2 * r)} 0a${f(r)} ${f(r)} 0 1 1 ${f(-2 * r)} 0Z`).join('');
}

/** Stripes that go zigzag. */
function waves(period: number): string {
  const [step, deep] = [0.8 * period, 0.7 * period];
  const ys = Array.from({ length: 2 * Math.ceil(REACH / step) + 1 }, (_, i) => -REACH + i * step);
  return places(period)
    .map((x) => {
      const edge = (at: number) => ys.map((y, i) => `${f(at + (i % 2) * deep)} ${f(y)}`);
      return `M${[...edge(x), ...edge(x + period / 2).reverse()].join('L')}Z`;
    })
    .join('');
}

const between = (random: Random, low: number, high: number) => low + (high - low) * random.uniform();

/** Colours are pale: views could tell images apart by strong ones alone, and would learn nothing else. */
function colour(random: Random, low: number, high: number): string {
  return `hsl(${f(between(random, 0, 360))},${f(between(random, 0, 30))}%,${f(between(random, low, high))}%)`;
}

/** A dark and a light colour in random order: the texture is seen in either. */
function contrast(random: Random): [string, string] {
  const [dark, light] = [colour(random, 15, 30), colour(random, 70, 85)];
  return random.uniform() < 0.5 ? [dark, light] : [light, dark];
}

/** Small things that mean nothing: bars, blots and triangles. */
function clutter(random: Random, count: number, largest: number): string {
  const forms = ['M-1-.3h2v.6h-2Z', OUTLINES.disc!, OUTLINES.triangle!, 'M-2-.1h4v.2h-4Z'];
  return Array.from({ length: count }, () => {
    const place = `translate(${f(between(random, 0, SIDE))} ${f(between(random, 0, SIDE))}) rotate(${f(between(random, 0, 360))})`;
    return `<path d="${forms[random.integer(forms.length)]}" transform="${place} scale(${f(between(random, 1, largest))})" fill="${colour(random, 10, 90)}"/>`;
  }).join('');
}

/** Light from one side: a dark and a bright end over everything. */
function light(random: Random): string {
  const [angle, dark, bright] = [between(random, 0, 360), between(random, 0, 0.45), between(random, 0, 0.35)];
  return (
    `<defs><linearGradient id="l" gradientTransform="rotate(${f(angle)} .5 .5)"><stop offset="0" stop-color="#000" stop-opacity="${f(dark)}"/>` +
    `<stop offset="1" stop-color="#fff" stop-opacity="${f(bright)}"/></linearGradient></defs><rect width="${SIDE}" height="${SIDE}" fill="url(#l)"/>`
  );
}

/** The pose of the shape: place, turn, size, aspect and shear. */
function pose(random: Random): string {
  const place = `translate(${f(between(random, 13, 19))} ${f(between(random, 13, 19))}) rotate(${f(between(random, 0, 360))})`;
  const [radius, aspect] = [between(random, 10, 13), Math.exp(between(random, -0.2, 0.2))];
  return `${place} skewX(${f(between(random, -15, 15))}) scale(${f(radius * aspect)} ${f(radius / aspect)})`;
}

function drawing(random: Random, texture: string, size: number): string {
  const outlines = Object.values(OUTLINES);
  const outline = outlines[random.integer(outlines.length)]!;
  const [a, b] = contrast(random);
  const shape = `<path d="${outline}" transform="${pose(random)}"`;
  const period = between(random, 5, 7);
  const turn = `translate(${f(between(random, 11, 21))} ${f(between(random, 11, 21))}) rotate(${f(between(random, 0, 360))})`;
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${size}" height="${size}" viewBox="0 0 ${SIDE} ${SIDE}">` +
    `<rect width="${SIDE}" height="${SIDE}" fill="${colour(random, 20, 80)}"/>${clutter(random, 1 + random.integer(3), 3)}` +
    `<clipPath id="s">${shape}/></clipPath>${shape} fill="${a}"/>` +
    `<g clip-path="url(#s)"><path d="${TEXTURES[texture]!(period)}" fill-rule="evenodd" transform="${turn}" fill="${b}"/></g>` +
    `${clutter(random, random.integer(3), 1.5)}${light(random)}</svg>`
  );
}

/** Grain of a camera, the same in all channels up to a little colour. */
function addNoise(pixels: Uint8Array, random: Random): Uint8Array {
  const strength = between(random, 2, 7);
  for (let i = 0; i < pixels.length; i += 3) {
    const grain = random.normal() * strength;
    for (let channel = 0; channel < 3; channel++) {
      const value = pixels[i + channel]! + grain + (random.uniform() - 0.5) * strength;
      pixels[i + channel] = Math.min(255, Math.max(0, Math.round(value)));
    }
  }
  return pixels;
}

/** Which image: its class, its number in the class, and the set it belongs to (`train`, `test`, …: sets share no image). */
export type ShapeName = { set: string; shape: string; index: number };

/**
 * Draw one image. The same seed and name give the same bytes.
 * @returns uint8 [size, size, 3], RGB
 */
export async function renderShape(seed: number, { set, shape, index }: ShapeName, size: number): Promise<Uint8Array> {
  if (!SHAPE_CLASSES.includes(shape)) throw new Error(`Cannot draw a shape as it must be one of ${SHAPE_CLASSES.join(', ')}: "${shape}"`);
  const random = randomStream(seed, 'shapes', set, shape, index);
  const svg = drawing(random, shape, size);
  const pixels = await sharp(Buffer.from(svg)).flatten({ background: '#000' }).removeAlpha().raw().toBuffer();
  return addNoise(pixels, random);
}
