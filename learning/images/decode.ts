/** One image file to square RGB pixels. Parallel calls are the caller's choice, but large images wait for each other. */

import type { Metadata, Sharp } from 'sharp';
import sharp from 'sharp';
import { decodeBmp, isBmp } from './bmp.ts';
import { inTurn } from './in-turn.ts';
import { DECODE_BYTES, PIXEL_LIMIT } from './limits.ts';
import { UnreadableImage } from './unreadable.ts';

sharp.cache(false); // every image is read once: libvips' cache would only hold memory

/** How files of the formats that we take begin; any other is never shown to a decoder. */
const SIGNATURES = [
  /^\xff\xd8\xff/, // JPEG
  /^\x89PNG\r\n/,
  /^RIFF.{4}WEBP/s,
  /^(II[*+]\0|MM\0[*+])/, // TIFF, and the one of 64 bits
  /^GIF8/,
  /^.{4}ftyp/s, // AVIF
];
const SIGNATURE_BYTES = 12;
/**
 * libvips tells formats apart by itself and has more of them. SVG is left out on purpose: text that happens to begin with `<svg` is no
 * photograph, and it may point at other files; its reader is there only for the shapes that we draw (shapes.ts).
 */
const FORMATS = new Set(['jpeg', 'png', 'webp', 'tiff', 'gif', 'heif']);
const READERS = ['Jpeg', 'Png', 'Webp', 'Tiff', 'Nsgif', 'Heif', 'Svg'];
sharp.block({ operation: ['VipsForeignLoad'] });
sharp.unblock({ operation: READERS.map((name) => `VipsForeignLoad${name}`) });

/** No image of a size that is decoded takes a tenth of this. */
const DECODE_SECONDS = 60;

/** Other depths (float, 32 bit, signed) do not say which value is white, so any scaling to 8 bit would be a guess. */
const DEPTHS = new Set(['uchar', 'ushort']);

/**
 * Transparent parts become white: cut-outs and bright-field slides stand on white, so black would draw a frame around the object
 * that no camera saw.
 */
const BACKGROUND = '#ffffff';

/** Rows of an image that libvips holds while it shrinks it: some more than it took for any size, shape and depth. */
const ROWS_HELD = 1600;

/** Bytes a pixel of what a decoder holds of the whole image; 0 where it goes row by row. */
function heldWhole({ format, channels, isProgressive }: Metadata, sample: number): number {
  if (format === 'heif') return 16 + 8 * sample; // of AVIF: the frame, its planes and the pixels
  if (format === 'webp' || format === 'gif') return 8; // canvas and frame
  if (format === 'tiff') return 1.5 * channels * sample; // where each channel is one strip, which is not told beforehand
  if (!isProgressive) return 0;
  return channels * (format === 'jpeg' ? 2 : sample); // all coefficients of a JPEG, all pixels of an interlaced PNG
}

/** Memory that decoding takes, rather too much than too little, from the largest images of each kind (memory.test.ts). */
function memoryOf(metadata: Metadata): number {
  const { width, height, channels, depth } = metadata;
  const sample = depth === 'ushort' ? 2 : 1;
  return width * height * heldWhole(metadata, sample) + ROWS_HELD * width * channels * sample;
}

const MIB = 2 ** 20;

function checkMemory(bytes: number): void {
  if (bytes <= DECODE_BYTES) return;
  throw new UnreadableImage(`it would take ${Math.ceil(bytes / MIB)} MiB of memory to decode, of at most ${DECODE_BYTES / MIB}`);
}

function checkKind({ format, depth }: Metadata): void {
  if (!FORMATS.has(format)) throw new UnreadableImage(`its format is not supported: ${format}`);
  if (!DEPTHS.has(depth ?? '')) throw new UnreadableImage(`its samples must be unsigned 8 or 16 bit: ${depth}`);
}

/** Pixels that no side may reach on the way to the square; well inside what libvips takes. */
const LONGEST_SIDE = 10_000_000;

/** The shorter side becomes `size`, the middle is kept; an image of the right size is left bit for bit. */
async function toSquare(image: Sharp, width: number, height: number, size: number): Promise<Uint8Array> {
  if ((Math.max(width, height) / Math.min(width, height)) * size >= LONGEST_SIDE) {
    throw new UnreadableImage(`it is too narrow to be made square: ${width} by ${height} pixels`);
  }
  const square =
    width === size && height === size ? image : image.resize(size, size, { fit: 'cover', kernel: 'lanczos3', fastShrinkOnLoad: false });
  const { data, info } = await square.raw({ depth: 'uchar' }).timeout({ seconds: DECODE_SECONDS }).toBuffer({ resolveWithObject: true });
  if (info.channels !== 3) throw new UnreadableImage(`it must have 3 channels in the end: ${info.channels}`);
  return data;
}

/**
 * Raw pixels, as they are in arrays and bitmaps, to a square.
 * @param data  uint8 [height, width, channels]
 * @returns     uint8 [size, size, 3]; `data` itself where nothing is to be done
 * @throws UnreadableImage with the reason
 */
export async function squareFromPixels(
  data: Uint8Array,
  width: number,
  height: number,
  channels: 1 | 3,
  size: number,
): Promise<Uint8Array> {
  if (width === size && height === size && channels === 3) return data;
  return withReason(() => toSquare(sharp(data, { raw: { width, height, channels } }).toColourspace('srgb'), width, height, size));
}

/** Whether what went wrong is no fault of the image: a mistake of ours, or a machine that has no memory left, as libvips says it. */
export function isNoFaultOfImage(error: unknown): boolean {
  if (error instanceof TypeError || error instanceof RangeError) return true;
  return error instanceof Error && /out of memory --+ size/.test(error.message);
}

/**
 * What sharp says of an image, in plain words. Of what libvips could not decode always the same: it keeps its complaints for all threads together,
 * so an image decoded beside may take them away. What is left of them is in the error's cause.
 */
function reasonOf(said: string): string {
  if (/exceeds pixel limit/.test(said)) return `it has more than ${PIXEL_LIMIT} pixels`;
  if (/timeout: \d+% complete/.test(said)) return `it takes more than ${DECODE_SECONDS} s to decode`;
  return 'it is damaged, ends early, or is of an unusual kind';
}

async function withReason<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof UnreadableImage || isNoFaultOfImage(error)) throw error;
    throw new UnreadableImage(reasonOf(error instanceof Error ? error.message : String(error)), { cause: error });
  }
}

/** An image that is no bitmap, before any of its pixels is decoded; `memory` in bytes. */
async function open(bytes: Buffer): Promise<{ image: Sharp; width: number; height: number; memory: number }> {
  const beginning = bytes.toString('latin1', 0, SIGNATURE_BYTES);
  if (!SIGNATURES.some((signature) => signature.test(beginning))) throw new UnreadableImage('it is not an image of a known format');
  const image = sharp(bytes, { failOn: 'error', limitInputPixels: PIXEL_LIMIT, autoOrient: true, sequentialRead: true });
  const metadata = await image.metadata();
  checkKind(metadata);
  const memory = memoryOf(metadata);
  checkMemory(memory);
  return { image, ...metadata.autoOrient, memory };
}

async function decode(bytes: Buffer, size: number): Promise<Uint8Array> {
  if (isBmp(bytes)) {
    return inTurn(3 * bytes.length, async () => {
      const { data, width, height } = decodeBmp(bytes, PIXEL_LIMIT);
      return squareFromPixels(data, width, height, 3, size);
    });
  }
  const { image, width, height, memory } = await open(bytes);
  const flat = image.flatten({ background: BACKGROUND }).toColourspace('srgb');
  return inTurn(memory, () => toSquare(flat, width, height, size));
}

/** The shorter side of an image that is no bitmap, pixels. @throws UnreadableImage with the reason */
export async function shorterSide(bytes: Buffer): Promise<number> {
  const { width, height } = await withReason(() => open(bytes));
  return Math.min(width, height);
}

/**
 * Decode JPEG, PNG, WebP, TIFF, GIF, AVIF or BMP: EXIF orientation applied, transparency on white, gray to three channels, 16 bit
 * divided down to 8, CMYK and colour profiles to sRGB, the first frame or page of several, centre crop, Lanczos. All calls together take
 * at most DECODE_BYTES of memory (1.5 GiB) besides the files; what would take more by itself is refused, such as an AVIF of some 65
 * million pixels or an image of 16 bit that is very wide.
 * @param size  side of the result, pixels
 * @returns     uint8 [size, size, 3], RGB, values 0–255
 * @throws UnreadableImage with the reason
 */
export async function decodeImage(bytes: Buffer, size: number): Promise<Uint8Array> {
  if (bytes.length === 0) throw new UnreadableImage('the file is empty');
  return withReason(() => decode(bytes, size));
}
