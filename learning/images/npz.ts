/**
 * NumPy archives (`.npz`: a zip of `.npy` arrays), read by ranges of bytes. Only the directory and the labels are read to list
 * one; pixels of a stored array are read image by image, a compressed one has to be unpacked as a whole.
 * Formats: PKWARE APPNOTE 4.3 (with zip64, which numpy always writes locally); numpy.lib.format 1.0–3.0.
 */
import { constants, createInflateRaw, inflateRawSync } from 'node:zlib';
import type { FileInfo, FileTree } from './file-tree.ts';

/** Where an array lies in its archive and what it holds. JSON, so that it can stand in a plan. */
export type NpyArray = {
  /** NumPy's name of the type, such as `|u1`. */
  dtype: string;
  shape: number[];
  /** Offset of the member's data in the archive and its bytes there. */
  start: number;
  packed: number;
  stored: boolean;
  /** Bytes of the array's own header before its data. */
  skip: number;
};

/** A file in the archive: `packed` bytes, whose own header begins at `at`. */
type Member = { name: string; method: number; packed: number; at: number };

const END_RECORD = 0x06054b50;
const DIRECTORY_ENTRY = 0x02014b50;
const ZIP64_LOCATOR = 0x07064b50;
const IN_ZIP64 = 0xffffffff;
const HEADER_READ = 4096; // an array's own header is about 128 bytes
const PIECE = 16 * 2 ** 20;
const DIRECTORY_LIMIT = 16 * 2 ** 20; // bytes: some hundred thousand members
const DEFLATE_LIMIT = 1032; // a byte of deflate never unpacks to more

/** Larger arrays must be stored uncompressed: unpacking them for every worker would take its memory. */
const INFLATE_LIMIT = 2 * 2 ** 30;

/** An archive or an array that cannot be used; the message is the reason. */
export class BrokenArray extends Error {
  override readonly name = 'BrokenArray';
}

function refuse(reason: string, cause?: unknown): never {
  throw new BrokenArray(reason, { cause });
}

/** What an archive tells of itself may point outside what there is of it. */
function inside<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof RangeError) refuse('it is a damaged zip archive', error);
    throw error;
  }
}

const big = (bytes: Buffer, at: number) => Number(bytes.readBigUInt64LE(at));

/** Sizes too large for 32 bits stand in extra field 1, in this order, each only where its 32-bit field is full. */
function zip64Fields(extra: Buffer, ...fields: number[]): number[] {
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
    if (extra.readUInt16LE(at) !== 1) continue;
    const full = fields.map((field) => field === IN_ZIP64);
    const place = (i: number) => at + 4 + 8 * full.slice(0, i).filter(Boolean).length;
    return fields.map((field, i) => (full[i] ? big(extra, place(i)) : field));
  }
  return fields;
}

function parseDirectory(bytes: Buffer): Member[] {
  const members: Member[] = [];
  for (let at = 0; at + 46 <= bytes.length && bytes.readUInt32LE(at) === DIRECTORY_ENTRY; ) {
    const [nameBytes, extraBytes, commentBytes] = [bytes.readUInt16LE(at + 28), bytes.readUInt16LE(at + 30), bytes.readUInt16LE(at + 32)];
    const name = bytes.toString('utf8', at + 46, at + 46 + nameBytes);
    const extra = bytes.subarray(at + 46 + nameBytes, at + 46 + nameBytes + extraBytes);
    const [, packed, offset] = zip64Fields(extra, bytes.readUInt32LE(at + 24), bytes.readUInt32LE(at + 20), bytes.readUInt32LE(at + 42));
    members.push({ name, method: bytes.readUInt16LE(at + 10), packed: packed!, at: offset! });
    at += 46 + nameBytes + extraBytes + commentBytes;
  }
  return members;
}

async function readMembers(tree: FileTree, { path, bytes }: FileInfo): Promise<Member[]> {
  const from = Math.max(0, bytes - 65_557 - 20); // end record, its longest comment, zip64 locator
  const tail = await tree.readRange(path, from, bytes);
  const end = tail.lastIndexOf(Buffer.from('PK\x05\x06', 'latin1'));
  if (end < 0 || tail.length - end < 22 || tail.readUInt32LE(end) !== END_RECORD) refuse('it is no zip archive, or a truncated one');
  let [size, start] = [tail.readUInt32LE(end + 12), tail.readUInt32LE(end + 16)];
  if (end >= 20 && tail.readUInt32LE(end - 20) === ZIP64_LOCATOR) {
    const at = big(tail, end - 12);
    const record = at < bytes ? await tree.readRange(path, at, at + 56) : Buffer.alloc(0);
    [size, start] = inside(() => [big(record, 40), big(record, 48)]);
  }
  if (size > DIRECTORY_LIMIT || start + size > bytes) refuse(`its directory must lie inside it: ${size} bytes at ${start} of ${bytes}`);
  const directory = await tree.readRange(path, start, start + size);
  return inside(() => parseDirectory(directory));
}

/** The header is a Python literal such as `{'descr': '|u1', 'fortran_order': False, 'shape': (8, 28, 28), }`. */
function parseNpyHeader(bytes: Buffer): Pick<NpyArray, 'dtype' | 'shape' | 'skip'> {
  if (bytes.length < 12 || bytes.toString('latin1', 0, 6) !== '\x93NUMPY') refuse('a member is no NumPy array');
  const [lengthBytes, length] = bytes[6]! >= 2 ? [4, bytes.readUInt32LE(8)] : [2, bytes.readUInt16LE(8)];
  const skip = 8 + lengthBytes + length;
  if (skip > bytes.length) refuse(`the header of an array has at most ${HEADER_READ} bytes: ${skip}`);
  const text = bytes.toString('latin1', 8 + lengthBytes, skip);
  const dtype = /'descr':\s*'([^']+)'/.exec(text)?.[1] ?? refuse('an array has a structured type');
  const shape = /'shape':\s*\(([^)]*)\)/.exec(text)?.[1] ?? refuse('an array has no shape');
  const sides = shape
    .split(',')
    .map((side) => side.trim())
    .filter((side) => side !== '')
    .map((side) => (/^\d{1,15}$/.test(side) ? Number(side) : refuse(`an array has no shape: (${shape.slice(0, 40)})`)));
  if (/'fortran_order':\s*True/.test(text) && sides.length > 1)
    refuse('an array is in column order (save it with numpy.ascontiguousarray)');
  return { dtype, shape: sides, skip };
}

/** The arrays of an archive, by name without `.npy`; nothing of them is read. @throws BrokenArray */
export async function openNpz(tree: FileTree, file: FileInfo): Promise<Map<string, Member>> {
  const arrays = (await readMembers(tree, file)).filter(({ name }) => name.endsWith('.npy'));
  return new Map(arrays.map((member) => [member.name.slice(0, -4), member]));
}

/**
 * Where an array lies and what it holds, as its own header says.
 * @throws BrokenArray, also where its shape cannot be that of its bytes, or it is compressed and has more than INFLATE_LIMIT: nothing may be
 *   made as large as it says before
 */
export async function openArray(tree: FileTree, { path, bytes }: FileInfo, { method, packed, at }: Member): Promise<NpyArray> {
  if (method !== 0 && method !== 8) refuse(`a member is compressed by method ${method}, not deflate`);
  if (at + packed > bytes) refuse('it is a truncated zip archive');
  const local = await tree.readRange(path, at, at + 30);
  const start = inside(() => at + 30 + local.readUInt16LE(26) + local.readUInt16LE(28));
  if (start + packed > bytes) refuse('it is a truncated zip archive');
  const head = await tree.readRange(path, start, start + Math.min(packed, HEADER_READ));
  const plain = method === 0 ? head : beginningOf(head);
  const array = { ...parseNpyHeader(plain), start, packed, stored: method === 0 };
  const data = dataBytes(array);
  const wanted = array.skip + data;
  if (array.stored ? wanted !== packed : wanted > packed * DEFLATE_LIMIT)
    refuse(`the shape of an array must be that of its bytes: ${array.dtype} [${array.shape}], ${packed} bytes in the archive`);
  if (!array.stored && data > INFLATE_LIMIT)
    refuse(`a compressed array must have at most ${INFLATE_LIMIT} bytes (numpy.savez stores it uncompressed): ${data}`);
  return array;
}

/** What the first bytes of a compressed member unpack to, enough for its header. */
function beginningOf(packed: Buffer): Buffer {
  try {
    return inflateRawSync(packed, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, HEADER_READ);
  } catch (error) {
    return refuse(`an array is damaged: ${(error as Error).message}`, error);
  }
}

/** Bytes of one value; of the types that we read, which are numbers. */
const ITEM_BYTES = (dtype: string) =>
  /^[|<>=][iufb][1248]$/.test(dtype) ? Number(dtype[2]) : refuse(`an array must hold numbers, not ${dtype.slice(0, 20)}`);
const dataBytes = ({ shape, dtype }: NpyArray) => shape.reduce((product, side) => product * side, ITEM_BYTES(dtype));

/**
 * The data of a whole array, without its header.
 * @throws BrokenArray when it ends early, is damaged or goes on after its shape
 */
export async function readArray(tree: FileTree, path: string, array: NpyArray): Promise<Buffer> {
  const wanted = dataBytes(array);
  const bytes = array.stored
    ? await tree.readRange(path, array.start + array.skip, array.start + array.skip + wanted)
    : await inflate(tree, path, array, wanted);
  return bytes.length === wanted ? bytes : refuse(`an array ends early: ${bytes.length} of ${wanted} bytes`);
}

async function inflate(tree: FileTree, path: string, { start, packed, skip }: NpyArray, wanted: number): Promise<Buffer> {
  const unpacked = Buffer.allocUnsafe(skip + wanted);
  let filled = 0;
  const inflater = createInflateRaw({ chunkSize: 2 ** 20 });
  const feed = (async () => {
    for (let at = start; at < start + packed; at += PIECE) {
      const piece = await tree.readRange(path, at, Math.min(start + packed, at + PIECE));
      if (!inflater.write(piece)) await new Promise((resolve) => inflater.once('drain', resolve));
    }
    inflater.end();
  })().catch((error) => inflater.destroy(error));
  try {
    for await (const part of inflater) {
      if (filled + (part as Buffer).length > unpacked.length) refuse('an array is longer than its shape says');
      filled += (part as Buffer).copy(unpacked, filled);
    }
  } catch (error) {
    if (error instanceof Error && 'code' in error && String(error.code).startsWith('Z_'))
      refuse(`an array is damaged: ${error.message}`, error);
    throw error;
  }
  await feed;
  return unpacked.subarray(skip, filled);
}

/** Whole numbers of any of NumPy's integer types. */
export function integersOf(bytes: Buffer, { dtype }: NpyArray): Float64Array {
  const [order, kind, size] = [dtype[0], dtype[1], ITEM_BYTES(dtype)];
  const count = bytes.length / size;
  if ((kind !== 'i' && kind !== 'u') || (order === '>' && size > 1)) refuse(`labels must be little-endian integers, not ${dtype}`);
  const at = (i: number) => {
    if (size === 8) return Number(kind === 'i' ? bytes.readBigInt64LE(i * 8) : bytes.readBigUInt64LE(i * 8));
    return kind === 'i' ? bytes.readIntLE(i * size, size) : bytes.readUIntLE(i * size, size);
  };
  return Float64Array.from({ length: count }, (_, i) => at(i));
}
