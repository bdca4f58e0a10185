/** Windows bitmaps, which sharp's prebuilt libvips cannot read: uncompressed, 8-bit palette, 24 and 32 bits a pixel. */
import { UnreadableImage } from './unreadable.ts';

/** Pixels as they are in a file: uint8 [height, width, 3], RGB. */
export type Pixels = { width: number; height: number; data: Uint8Array };

const HEADERS = 14 + 40; // file header and the smallest information header
const UNCOMPRESSED = 0;
const BIT_FIELDS = 3;
const BGR_MASKS = [0x00ff0000, 0x0000ff00, 0x000000ff];

/** Whether the bytes begin as a bitmap does. */
export const isBmp = (bytes: Uint8Array): boolean => bytes[0] === 0x42 && bytes[1] === 0x4d;

type Layout = Pixels & { bits: number; start: number; stride: number; bottomUp: boolean; palette: Buffer };

function refuse(reason: string): never {
  throw new UnreadableImage(reason);
}

function readLayout(bytes: Buffer, pixelLimit: number): Layout {
  if (bytes.length < HEADERS) refuse('BMP ends inside its header');
  const infoBytes = bytes.readUInt32LE(14);
  if (infoBytes < 40) refuse('BMP of the OS/2 kind is not supported');
  const [width, height, bits, compression] = [bytes.readInt32LE(18), bytes.readInt32LE(22), bytes.readUInt16LE(28), bytes.readUInt32LE(30)];
  const masked =
    compression === BIT_FIELDS &&
    bits === 32 &&
    BGR_MASKS.every((mask, i) => bytes.length >= 66 && bytes.readUInt32LE(54 + 4 * i) === mask);
  if (compression !== UNCOMPRESSED && !masked) refuse(`BMP with compression ${compression} is not supported`);
  if (![8, 24, 32].includes(bits)) refuse(`BMP with ${bits} bits a pixel is not supported`);
  const rows = Math.abs(height);
  if (width < 1 || rows < 1 || width * rows > pixelLimit) refuse(`BMP of ${width} × ${rows} pixels is out of bounds`);
  const [start, stride] = [bytes.readUInt32LE(10), Math.ceil((width * bits) / 32) * 4]; // rows are padded to 4 bytes
  if (bytes.length < start + stride * rows) refuse(`BMP is truncated: ${bytes.length} of ${start + stride * rows} bytes`);
  const palette = bytes.subarray(14 + infoBytes, start);
  return { width, height: rows, data: new Uint8Array(width * rows * 3), bits, start, stride, bottomUp: height > 0, palette };
}

/**
 * @param bytes       a BMP file; the fourth byte of 32-bit pixels is ignored, as most writers leave it 0
 * @param pixelLimit  width × height above which the file is refused
 * @throws UnreadableImage with the reason
 */
export function decodeBmp(bytes: Buffer, pixelLimit: number): Pixels {
  const { width, height, data, bits, start, stride, bottomUp, palette } = readLayout(bytes, pixelLimit);
  const step = bits / 8;
  for (let y = 0; y < height; y++) {
    const row = start + (bottomUp ? height - 1 - y : y) * stride;
    for (let x = 0; x < width; x++) {
      const [from, at] = bits === 8 ? [palette, bytes[row + x]! * 4] : [bytes, row + x * step];
      if (at + 2 >= from.length) refuse('BMP has a pixel outside its palette');
      for (let channel = 0; channel < 3; channel++) data[(y * width + x) * 3 + channel] = from[at + 2 - channel]!;
    }
  }
  return { width, height, data };
}
