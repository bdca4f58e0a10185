/** Small files that unpack to a lot, made without unpacking them. */
import { constants, deflateRawSync } from 'node:zlib';
import { npy } from './npy.ts';

const PIECE = 2 ** 20;

/** What so many zeros are in deflate: a thousandth. Pieces of it stand for themselves, so the same one is repeated. */
function deflatedZeros(bytes: number): Buffer {
  const piece = deflateRawSync(Buffer.alloc(PIECE), { finishFlush: constants.Z_FULL_FLUSH });
  const pieces = new Array<Buffer>(Math.floor(bytes / PIECE)).fill(piece);
  return Buffer.concat([...pieces, deflateRawSync(Buffer.alloc(bytes % PIECE))]);
}

/** Sums of Adler-32 over zeros: the first stays 1, and is added to the second for each. */
const zlibZeros = (bytes: number) =>
  Buffer.concat([Buffer.from([0x78, 0x9c]), deflatedZeros(bytes), uint32((bytes % 65_521) * 65_536 + 1)]);

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  return Buffer.concat([uint32(data.length), body, uint32(crc32(body))]);
}

/** A PNG of 16-bit RGBA, 8 bytes a pixel, that are all 0. */
export function flatPng(width: number, height: number): Buffer {
  const header = Buffer.concat([uint32(width), uint32(height), Buffer.from([16, 6, 0, 0, 0])]);
  const rows = zlibZeros(height * (1 + 8 * width)); // each begins with its filter: none
  const signature = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');
  return Buffer.concat([signature, chunk('IHDR', header), chunk('IDAT', rows), chunk('IEND', Buffer.alloc(0))]);
}

/** Lossless WebP of 12,240 × 12,240 pixels of one colour, as libwebp writes it: 38 bytes. */
export const FLAT_WEBP = Buffer.from('524946461e000000574542505650384c110000002fcfeff31b07d0b126f4b8808188e87f0000', 'hex');

/** An array whose header says `shape` and that has so many zeros, in deflate. */
const deflatedArray = (shape: string, zeros: number) =>
  Buffer.concat([deflateRawSync(npy(shape, new Uint8Array()), { finishFlush: constants.Z_FULL_FLUSH }), deflatedZeros(zeros)]);

/** An NPZ with one array, `train_images`, of so many zeros, whatever its header says of its shape. */
export function zerosNpz(shape: string, zeros: number): Buffer {
  const name = Buffer.from('train_images.npy');
  const data = deflatedArray(shape, zeros);
  const about = Buffer.alloc(26); // of the member, the same in both of its headers
  about.writeUInt16LE(20, 0); // version
  about.writeUInt16LE(8, 4); // deflate
  about.writeUInt32LE(data.length, 14);
  about.writeUInt16LE(name.length, 22);
  const local = Buffer.concat([Buffer.from('PK\x03\x04'), about, name, data]);
  const entry = Buffer.concat([Buffer.from('PK\x01\x02\x14\0'), about, Buffer.alloc(14), name]);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(1, 4); // entries here
  end.writeUInt16LE(1, 6); // and in all
  end.writeUInt32LE(entry.length, 8);
  end.writeUInt32LE(local.length, 12);
  return Buffer.concat([local, entry, Buffer.from('PK\x05\x06'), end]);
}

/** Of PNG's chunks (zlib.crc32 is there from Node 22 on). */
export function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}
