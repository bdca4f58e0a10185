/**
 * The safetensors format (huggingface/safetensors, "Format"): 8 bytes of header length, a JSON header, then the raw tensors
 * without holes. Little-endian, as every machine we run on. Same tensors, same bytes: the order is fixed by type and name.
 */
import { randomUUID } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';

/** A tensor in host memory: row-major data and its shape. */
export type HostTensor =
  | { dtype: 'float32'; shape: number[]; data: Float32Array }
  | { dtype: 'int32'; shape: number[]; data: Int32Array }
  | { dtype: 'uint8'; shape: number[]; data: Uint8Array };
export type HostTensors = Record<string, HostTensor>;
/** `leftOut`: tensors of other types, by name, where they are allowed. */
export type SafetensorsFile = { tensors: HostTensors; metadata: Record<string, string>; leftOut?: Record<string, string> };
/** What to do about tensors of types that we have no use for, such as the counters of PyTorch's batch norms. */
export type OtherTypes = 'refuse' | 'leave out';

type Entry = { dtype: string; shape: number[]; data_offsets: [number, number] };

const CODES = { float32: 'F32', int32: 'I32', uint8: 'U8' } as const;
const ITEM_BYTES = new Map([
  ['F32', 4],
  ['I32', 4],
  ['U8', 1],
]);
/** Types of the format that we have no use for. */
const OTHER_ITEM_BYTES = new Map([
  ['F64', 8],
  ['F16', 2],
  ['BF16', 2],
  ['I64', 8],
  ['I16', 2],
  ['I8', 1],
  ['U64', 8],
  ['U32', 4],
  ['U16', 2],
  ['BOOL', 1],
]);
const HEADER_LIMIT = 100_000_000; // bytes; as in the reference reader
const PIECE = 2 ** 30; // one call of the system stays under 2 GiB

const elements = (shape: number[]) => shape.reduce((product, side) => product * side, 1);
const bytesOf = ({ data }: HostTensor) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

/** Names in the order of the reference writer: by type, wide ones first, so that all data are aligned; then by name. */
function fileOrder(tensors: HostTensors): string[] {
  const rank = (name: string) => ['float32', 'int32', 'uint8'].indexOf(tensors[name]!.dtype);
  return Object.keys(tensors).sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
}

function checkTensor(name: string, { shape, data }: HostTensor): void {
  if (name === '__metadata__') throw new Error('Cannot encode tensor "__metadata__" as safetensors keeps that name for itself');
  if (elements(shape) !== data.length) {
    throw new Error(`Cannot encode tensor "${name}" as data must fill its shape: shape [${shape}], ${data.length} values`);
  }
}

/** The parts of a file in order: length and header (padded with spaces to 8 bytes), then one part for each tensor. */
function fileParts(tensors: HostTensors, metadata: Record<string, string>): Uint8Array[] {
  const names = fileOrder(tensors);
  const sortedMetadata = Object.fromEntries(Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1)));
  const header: [string, unknown][] = Object.keys(metadata).length ? [['__metadata__', sortedMetadata]] : [];
  let offset = 0;
  for (const name of names) {
    const tensor = tensors[name]!;
    checkTensor(name, tensor);
    const end = offset + tensor.data.byteLength;
    header.push([name, { dtype: CODES[tensor.dtype], shape: tensor.shape, data_offsets: [offset, end] }]);
    offset = end;
  }
  const json = Buffer.from(JSON.stringify(Object.fromEntries(header)));
  const opening = Buffer.alloc(8 + Math.ceil(json.length / 8) * 8, ' ');
  opening.writeBigUInt64LE(BigInt(opening.length - 8));
  json.copy(opening, 8);
  return [opening, ...names.map((name) => bytesOf(tensors[name]!))];
}

/**
 * Bytes of a safetensors file. Equal tensors and metadata give equal bytes, whatever the order of the keys.
 * @throws Error when a tensor's data do not fill its shape
 */
export function encodeSafetensors(tensors: HostTensors, metadata: Record<string, string> = {}): Uint8Array {
  return Buffer.concat(fileParts(tensors, metadata));
}

const refuse = (rule: string, state: string): never => {
  throw new Error(`Cannot read safetensors as ${rule}: ${state}`);
};

const beginningOf = (bytes: Uint8Array) => JSON.stringify(Buffer.from(bytes.subarray(0, 8)).toString('latin1'));

/** Where the header of a file ends, which its first 8 bytes tell. @throws Error when they are not there, or tell of one too long */
export function headerEnd(start: Uint8Array): number {
  if (start.length < 8) refuse('a file has at least 8 bytes', `${start.length} bytes`);
  const length = Number(new DataView(start.buffer, start.byteOffset).getBigUint64(0, true));
  if (length > HEADER_LIMIT)
    refuse(
      `a file begins with the length of its header, at most ${HEADER_LIMIT}`,
      `it begins ${beginningOf(start)}, so it is no such file`,
    );
  return 8 + length;
}

function readHeader(bytes: Uint8Array): { header: Record<string, unknown>; start: number } {
  const start = headerEnd(bytes);
  if (start > bytes.length) refuse('the header must end inside the file', `header of ${start - 8} bytes, file of ${bytes.length}`);
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + 8, start - 8).toString('utf8');
  let header: unknown;
  try {
    header = JSON.parse(text);
  } catch {
    refuse('the header must be JSON', `it begins ${JSON.stringify(text.slice(0, 40))}`);
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header)) refuse('the header must be an object', typeof header);
  return { header: header as Record<string, unknown>, start };
}

/** The metadata of a file of which the beginning is there, up to `headerEnd` at least. @throws Error when the header is broken */
export function decodeMetadata(start: Uint8Array): Record<string, string> {
  return checkMetadata(readHeader(start).header.__metadata__);
}

/**
 * A tensor of a file of which the beginning is there, up to the end of that tensor at least; a copy.
 * @throws Error when the file holds no such tensor, it ends later, or the header is broken
 */
export function decodeTensor(beginning: Uint8Array, name: string): HostTensor {
  const { header, start } = readHeader(beginning);
  const entry = checkEntry(name, header[name], 'refuse');
  const [from, to] = entry.data_offsets;
  if (start + to > beginning.length)
    refuse(`"${name}" must lie in the part that is read`, `it ends at ${start + to} of ${beginning.length}`);
  return toTensor(entry, new Uint8Array(beginning.subarray(start + from, start + to)));
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isCounts = (value: unknown): value is number[] => Array.isArray(value) && value.every(isCount);

function checkEntry(name: string, value: unknown, others: OtherTypes): Entry {
  const { dtype, shape, data_offsets: offsets } = (value ?? {}) as Partial<Entry>;
  const item = ITEM_BYTES.get(String(dtype)) ?? (others === 'leave out' ? OTHER_ITEM_BYTES.get(String(dtype)) : undefined);
  if (typeof dtype !== 'string' || item === undefined) return refuse(`tensor "${name}" must be F32, I32 or U8`, String(dtype));
  if (!isCounts(shape)) return refuse(`the shape of "${name}" must be a list of whole numbers`, JSON.stringify(shape));
  if (!isCounts(offsets) || offsets.length !== 2) return refuse(`"${name}" must have two offsets`, JSON.stringify(offsets));
  const [size, wanted] = [offsets[1]! - offsets[0]!, elements(shape) * item];
  if (size !== wanted) refuse(`the offsets of "${name}" must span its shape`, `${size} bytes for ${wanted}`);
  return { dtype, shape, data_offsets: [offsets[0]!, offsets[1]!] };
}

/** The entries in the order of their data, which must be without holes and end with the file. */
function contiguousEntries(header: Record<string, unknown>, dataBytes: number, others: OtherTypes): [string, Entry][] {
  const entries = Object.entries(header)
    .filter(([name]) => name !== '__metadata__')
    .map(([name, value]): [string, Entry] => [name, checkEntry(name, value, others)])
    .sort(([, a], [, b]) => a.data_offsets[0] - b.data_offsets[0] || a.data_offsets[1] - b.data_offsets[1]);
  let end = 0;
  for (const [name, { data_offsets: offsets }] of entries) {
    if (offsets[0] !== end) refuse('tensors must follow each other without holes', `"${name}" begins at ${offsets[0]}, not ${end}`);
    end = offsets[1];
  }
  if (end !== dataBytes) refuse('tensors must end with the file', `${end} bytes of tensors, ${dataBytes} bytes of data`);
  return entries;
}

/** A view of the bytes where they are aligned, else a copy; never a Buffer, whose `slice` is no copy and holds the whole file. */
function toTensor({ dtype, shape }: Entry, bytes: Uint8Array): HostTensor {
  const aligned = dtype === 'U8' || bytes.byteOffset % 4 === 0 ? bytes : new Uint8Array(bytes);
  const { buffer, byteOffset, byteLength } = aligned;
  if (dtype === 'F32') return { dtype: 'float32', shape, data: new Float32Array(buffer, byteOffset, byteLength / 4) };
  if (dtype === 'I32') return { dtype: 'int32', shape, data: new Int32Array(buffer, byteOffset, byteLength / 4) };
  return { dtype: 'uint8', shape, data: new Uint8Array(buffer, byteOffset, byteLength) };
}

function checkMetadata(value: unknown = {}): Record<string, string> {
  const isText = typeof value === 'object' && value !== null && Object.values(value).every((text) => typeof text === 'string');
  return isText ? (value as Record<string, string>) : refuse('__metadata__ must map names to strings', JSON.stringify(value));
}

/**
 * Tensors and metadata of a safetensors file. The tensors are views of `bytes` where alignment allows.
 * @throws Error when anything of the format is broken: header, types, sizes, offsets
 */
export function decodeSafetensors(bytes: Uint8Array, others: OtherTypes = 'refuse'): SafetensorsFile {
  const { header, start } = readHeader(bytes);
  const entries = contiguousEntries(header, bytes.length - start, others);
  const isOurs = ([, { dtype }]: [string, Entry]) => ITEM_BYTES.has(dtype);
  const tensors = entries.filter(isOurs).map(([name, entry]): [string, HostTensor] => {
    const [from, to] = entry.data_offsets;
    return [name, toTensor(entry, bytes.subarray(start + from, start + to))];
  });
  const metadata = checkMetadata(header.__metadata__);
  const rest = entries.filter((entry) => !isOurs(entry)).map(([name, { dtype }]) => [name, dtype]);
  return { tensors: Object.fromEntries(tensors), metadata, ...(rest.length > 0 ? { leftOut: Object.fromEntries(rest) } : {}) };
}

/** Write a safetensors file so that it appears complete or not at all: other name first, flushed, then renamed. */
export async function writeSafetensors(file: string, tensors: HostTensors, metadata: Record<string, string> = {}): Promise<void> {
  const parts = fileParts(tensors, metadata);
  const unfinished = `${file}.${randomUUID()}.part`;
  const handle = await open(unfinished, 'wx');
  try {
    await writeParts(handle, parts);
    await handle.sync();
    await handle.close();
    await rename(unfinished, file);
  } catch (error) {
    await handle.close().catch(() => undefined);
    await rm(unfinished, { force: true });
    throw error;
  }
}

/** In as few calls as the system allows: a busy process hears of each at its next turn only, and trains a step meanwhile. */
async function writeParts(handle: FileHandle, parts: Uint8Array[]): Promise<void> {
  for (let left = parts; left.length > 0; ) {
    let { bytesWritten: done } = await handle.writev(firstOf(left, PIECE));
    left = left.flatMap((part) => {
      const written = Math.min(done, part.length);
      done -= written;
      return written < part.length ? [part.subarray(written)] : [];
    });
  }
}

/** The first `bytes` bytes of all parts. */
function firstOf(parts: Uint8Array[], bytes: number): Uint8Array[] {
  let room = bytes;
  return parts.flatMap((part) => {
    const piece = part.subarray(0, room);
    room -= piece.length;
    return piece.length > 0 ? [piece] : [];
  });
}

/**
 * Read a safetensors file written by anyone.
 * @param bytesFor  gives the memory that its bytes are read into, of exactly that length, and that the tensors are views of
 * @throws Error naming the file when its format is broken; the system's error when it cannot be read
 */
export async function readSafetensors(
  file: string,
  others: OtherTypes = 'refuse',
  bytesFor = (length: number) => new Uint8Array(length),
): Promise<SafetensorsFile> {
  const handle = await open(file);
  try {
    const bytes = bytesFor((await handle.stat()).size);
    for (let at = 0; at < bytes.length; ) {
      const { bytesRead } = await handle.read(bytes, at, Math.min(PIECE, bytes.length - at), at);
      if (bytesRead === 0) refuse('a file must not shrink while it is read', file);
      at += bytesRead;
    }
    return decodeSafetensors(bytes, others);
  } catch (error) {
    throw error instanceof Error && error.message.startsWith('Cannot read safetensors') ? new Error(`${error.message} ("${file}")`) : error;
  } finally {
    await handle.close();
  }
}
