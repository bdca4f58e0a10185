import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  decodeSafetensors,
  decodeTensor,
  encodeSafetensors,
  type HostTensors,
  headerEnd,
  readSafetensors,
  writeSafetensors,
} from '../../learning/safetensors.ts';

// What test/golden/make-views.py stores with the reference package, safetensors 0.8.0 for Python.
const golden = join(import.meta.dirname, '../golden/python.safetensors');
const tensors: HostTensors = {
  bytes: { dtype: 'uint8', shape: [2, 3], data: Uint8Array.of(1, 2, 3, 250, 251, 252) },
  counts: { dtype: 'int32', shape: [3], data: Int32Array.of(-1, 0, 2 ** 31 - 1) },
  weights: { dtype: 'float32', shape: [2, 2], data: Float32Array.of(0.5, -1.25, 3e-5, 1e30) },
  loss: { dtype: 'float32', shape: [], data: Float32Array.of(0.125) },
};
const metadata = { 'made by': 'python' };

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'safetensors-'));
});
afterAll(() => rm(folder, { recursive: true }));

test('decodeSafetensors: reads what Python wrote', async () => {
  expect(decodeSafetensors(new Uint8Array(await readFile(golden)))).toEqual({ tensors, metadata });
});

test('decodeSafetensors: a slice of a tensor does not hold the file, though it came as a Buffer', () => {
  const file = Buffer.from(encodeSafetensors({ a: { dtype: 'uint8', shape: [3], data: Uint8Array.of(1, 2, 3) } }));
  const { data } = decodeSafetensors(file).tensors.a!;
  expect(data.buffer).toBe(file.buffer);
  expect(data.slice(0, 1).buffer).not.toBe(file.buffer);
});

test('decodeTensor: one tensor from the beginning of a file, of which the rest may be missing', () => {
  const file = encodeSafetensors({
    labels: { dtype: 'int32', shape: [2], data: Int32Array.of(7, -1) },
    images: { dtype: 'uint8', shape: [2, 500], data: new Uint8Array(1000) },
  });
  const end = headerEnd(file) + 8;
  expect(decodeTensor(file.subarray(0, end), 'labels')).toEqual({ dtype: 'int32', shape: [2], data: Int32Array.of(7, -1) });
  expect(() => decodeTensor(file.subarray(0, end - 1), 'labels')).toThrow(/"labels" must lie in the part that is read/);
  expect(() => decodeTensor(file.subarray(0, end), 'images')).toThrow(/must lie in the part/);
  expect(() => decodeTensor(file, 'none')).toThrow(/"none" must be F32, I32 or U8/);
});

test('encodeSafetensors: writes the same bytes as Python, so Python reads them', async () => {
  expect(Buffer.from(encodeSafetensors(tensors, metadata))).toEqual(await readFile(golden));
});

test('encodeSafetensors: equal content gives equal bytes, whatever the order of its keys', () => {
  const reversed = Object.fromEntries(Object.entries(tensors).reverse());
  expect(encodeSafetensors(reversed, { b: '2', a: '1' })).toEqual(encodeSafetensors(tensors, { a: '1', b: '2' }));
});

test('encodeSafetensors: tensors begin at a multiple of 8 bytes, also after names of more than one byte a letter', () => {
  for (const name of ['a', 'ab', 'größe', '形']) {
    const bytes = encodeSafetensors({ [name]: { dtype: 'float32', shape: [1], data: Float32Array.of(7) } });
    expect((bytes.length - 4) % 8).toBe(0);
    expect(decodeSafetensors(bytes).tensors[name]?.data).toEqual(Float32Array.of(7));
  }
});

test('encodeSafetensors: no tensors, empty tensors and parts of larger arrays come back as they were', () => {
  expect(decodeSafetensors(encodeSafetensors({}))).toEqual({ tensors: {}, metadata: {} });
  const part = Float32Array.of(1, 2, 3, 4).subarray(1, 3);
  const some: HostTensors = {
    none: { dtype: 'int32', shape: [0, 5], data: new Int32Array(0) },
    part: { dtype: 'float32', shape: [2], data: part },
  };
  expect(decodeSafetensors(encodeSafetensors(some)).tensors).toEqual({
    ...some,
    part: { dtype: 'float32', shape: [2], data: Float32Array.of(2, 3) },
  });
});

test('encodeSafetensors: data that do not fill the shape are refused', () => {
  const short = { w: { dtype: 'float32' as const, shape: [2, 2], data: new Float32Array(3) } };
  expect(() => encodeSafetensors(short)).toThrow('Cannot encode tensor "w" as data must fill its shape: shape [2,2], 3 values');
});

test('decodeSafetensors: bytes at an odd address are read all the same', () => {
  const bytes = encodeSafetensors(tensors);
  const shifted = new Uint8Array(bytes.length + 1);
  shifted.set(bytes, 1);
  expect(decodeSafetensors(shifted.subarray(1)).tensors).toEqual(tensors);
});

/** A file with this header and that many bytes of data. */
function fileOf(header: unknown, dataBytes: number): Uint8Array {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, Buffer.alloc(dataBytes)]);
}
const entry = (dtype: string, shape: unknown, from: number, to: number) => ({ dtype, shape, data_offsets: [from, to] });

test.each([
  ['too short', new Uint8Array(7), 'a file has at least 8 bytes: 7 bytes'],
  ['header past the end', Uint8Array.of(9, 0, 0, 0, 0, 0, 0, 0), 'the header must end inside the file: header of 9 bytes, file of 8'],
  [
    'some other file',
    Buffer.from('name: cells'),
    'a file begins with the length of its header, at most 100000000: it begins "name: ce", so it is no such file',
  ],
  ['not JSON', fileOf('{"a"', 0), 'the header must be JSON: it begins "{\\"a\\""'],
  ['not an object', fileOf('[]', 0), 'the header must be an object: object'],
  ['unknown type', fileOf({ a: entry('F16', [1], 0, 2) }, 2), 'tensor "a" must be F32, I32 or U8: F16'],
  ['a type that objects inherit', fileOf({ a: entry('toString', [1], 0, 2) }, 2), 'tensor "a" must be F32, I32 or U8: toString'],
  ['negative shape', fileOf({ a: entry('U8', [-1], 0, 1) }, 1), 'the shape of "a" must be a list of whole numbers: [-1]'],
  ['size against shape', fileOf({ a: entry('F32', [2], 0, 4) }, 4), 'the offsets of "a" must span its shape: 4 bytes for 8'],
  ['hole', fileOf({ a: entry('U8', [1], 0, 1), b: entry('U8', [1], 2, 3) }, 3), 'without holes: "b" begins at 2, not 1'],
  ['overlap', fileOf({ a: entry('U8', [2], 0, 2), b: entry('U8', [2], 1, 3) }, 3), 'without holes: "b" begins at 1, not 2'],
  ['past the end', fileOf({ a: entry('U8', [4], 0, 4) }, 3), 'tensors must end with the file: 4 bytes of tensors, 3 bytes of data'],
  ['bytes left over', fileOf({ a: entry('U8', [1], 0, 1) }, 2), 'tensors must end with the file: 1 bytes of tensors, 2 bytes of data'],
  ['metadata not text', fileOf({ __metadata__: { epoch: 3 } }, 0), '__metadata__ must map names to strings: {"epoch":3}'],
])('decodeSafetensors: refuses %s', (_, bytes, message) => {
  expect(() => decodeSafetensors(bytes)).toThrow(message);
});

test('writeSafetensors: what was written is read back, and no unfinished file stays', async () => {
  await writeSafetensors(join(folder, 'one.safetensors'), tensors, metadata);
  expect(await readSafetensors(join(folder, 'one.safetensors'))).toEqual({ tensors, metadata });
  expect(await readFile(join(folder, 'one.safetensors'))).toEqual(await readFile(golden));
  expect(await readdir(folder)).toEqual(['one.safetensors']);
});

test('writeSafetensors: a failure leaves the older file and nothing else', async () => {
  const target = join(folder, 'taken');
  await writeFile(join(folder, 'file'), '');
  await expect(writeSafetensors(join(folder, 'file', 'below'), tensors)).rejects.toThrow('ENOTDIR');
  await mkdir(target);
  await expect(writeSafetensors(target, tensors)).rejects.toThrow(); // a file cannot replace a folder
  expect((await readdir(folder)).filter((name) => name.includes('.part'))).toEqual([]);
});

test('readSafetensors: a broken file is named', async () => {
  const file = join(folder, 'cut.safetensors');
  await writeFile(file, (await readFile(golden)).subarray(0, 300));
  await expect(readSafetensors(file)).rejects.toThrow(`("${file}")`);
});

test('writeSafetensors: however many tensors, a busy process writes them within few turns of its loop, which for a training are steps', async () => {
  const many = Object.fromEntries(
    Array.from({ length: 1000 }, (_, i) => [`tensor ${i}`, { dtype: 'uint8' as const, shape: [3], data: Uint8Array.of(1, 2, i) }]),
  );
  let isWritten = false;
  const writing = writeSafetensors(join(folder, 'many'), many).finally(() => {
    isWritten = true;
  });
  let turns = 0;
  for (; !isWritten; turns++) {
    const until = performance.now() + 10;
    while (performance.now() < until); // a step
    await setImmediate();
  }
  await writing;
  expect(turns).toBeLessThan(500); // five seconds for a slow disk
  expect((await readSafetensors(join(folder, 'many'))).tensors).toEqual(many);
});
