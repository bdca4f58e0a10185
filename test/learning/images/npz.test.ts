import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { zipSync } from 'fflate';
import { describe, expect, test } from 'vitest';
import { Failure } from '../../../contracts/failures.ts';
import { openFolder } from '../../../learning/images/file-tree.ts';
import { writeShard } from '../../../learning/images/shards.ts';
import { listSource } from '../../../learning/images/sources.ts';
import { golden, put, temporaryFolder } from './make-sources.ts';
import { npy } from './npy.ts';

const temporary = await temporaryFolder();
let files = 0;

/** What listing an archive of these bytes as unlabelled images comes to: `listed`, or the reason against it. */
async function reasonFor(bytes: Uint8Array, role: 'unlabelled' | 'train' = 'unlabelled'): Promise<string> {
  const name = `${++files}.npz`;
  await put(temporary, { [name]: bytes });
  return listSource(join(temporary, name), role, { openTree: openFolder, seed: 1 }).then(
    () => 'listed',
    (error) => (error instanceof Failure && error.kind === 'InvalidImages' ? error.message : `not typed: ${error}`),
  );
}

type Arrays = Record<string, Uint8Array>;
const stored = (arrays: Arrays) => zipSync(arrays, { level: 0 });
/** Deflate leaves it as long as it is, so that it could stand for a thousand times as much. */
const noise = (bytes: number) => new Uint8Array(randomBytes(bytes));
const packed = (arrays: Arrays) => zipSync(arrays, { level: 9 });
const images = (shape: string, data = new Uint8Array(8)): Arrays => ({ 'train_images.npy': npy(shape, data) });

describe('listSource: an NPZ that lies', () => {
  test('listSource: a shape that is not that of its bytes is refused before anything is made as large', async () => {
    expect(await reasonFor(stored(images('2, 2, 2')))).toBe('listed');
    const rule = /the shape of an array must be that of its bytes: \|u1 \[1000000000,28,28\], \d+ bytes/;
    expect(await reasonFor(stored(images('1000000000, 28, 28')))).toMatch(rule);
    expect(await reasonFor(packed(images('1000000000, 28, 28')))).toMatch(rule);
    expect(await reasonFor(stored(images('2, 2, 1')))).toMatch(/the shape of an array must be that of its bytes/);
  });

  test('listSource: a few kilobytes that unpack to very many tiny images are refused', async () => {
    expect(await reasonFor(packed(images('20000000, 1, 1', noise(20_000))))).toMatch(/at most 16777216 images: 20000000/);
  });

  test.each(['-1, 2, 2', 'x, 2, 2', '1e9, 2, 2', '99999999999999999999, 1, 1', '8'])(
    'listSource: the shape (%s) is refused',
    async (shape) => {
      expect(await reasonFor(stored(images(shape)))).toMatch(/MedMNIST layout/);
    },
  );

  test('listSource: images of no pixel, and of too many, are refused', async () => {
    expect(await reasonFor(stored(images('8, 0, 5', new Uint8Array())))).toMatch(/1 to \d+ pixels: 0 × 5/);
    expect(await reasonFor(packed(images('1, 20000, 20000', noise(400_000))))).toMatch(/1 to \d+ pixels: 20000 × 20000/);
  });

  test('listSource: a header longer than any, a type of no size and labels that are no integers are refused', async () => {
    const long = Buffer.from(images('2, 2, 2')['train_images.npy']!);
    long.writeUInt16LE(60_000, 8);
    expect(await reasonFor(stored({ 'train_images.npy': long }))).toMatch(/header of an array has at most 4096 bytes: 60010/);
    expect(await reasonFor(stored({ 'train_images.npy': npy('2, 2, 2', new Uint8Array(8), '|u0') }))).toMatch(
      /must hold numbers, not \|u0/,
    );
    const labelled = (type: string, bytes: number) =>
      stored({ ...images('2, 2, 2'), 'train_labels.npy': npy('2', new Uint8Array(bytes), type) });
    expect(await reasonFor(labelled('<f4', 8), 'train')).toMatch(/labels must be little-endian integers, not <f4/);
    expect(await reasonFor(labelled('<U1', 8), 'train')).toMatch(/must hold numbers, not <U1/);
  });

  test('listSource: a directory or a member outside the archive is refused', async () => {
    const archive = Buffer.from(stored(images('2, 2, 2')));
    const [entry, end] = [archive.indexOf('PK\x01\x02'), archive.indexOf('PK\x05\x06')];
    const changed = (at: number, value: number) => {
      const copy = Buffer.from(archive);
      copy.writeUInt32LE(value, at);
      return copy;
    };
    expect(await reasonFor(changed(end + 12, 0xfffffff0))).toMatch(/its directory must lie inside it: 4294967280 bytes/);
    expect(await reasonFor(changed(end + 16, 0xfffffff0))).toMatch(/its directory must lie inside it/);
    expect(await reasonFor(changed(entry + 20, 0xfffffff0))).toMatch(/truncated zip archive/); // packed bytes
    expect(await reasonFor(changed(entry + 42, 0xfffffff0))).toMatch(/truncated zip archive/); // offset
    expect(await reasonFor(changed(entry + 42, archive.length - 5))).toMatch(/truncated zip archive/);
    expect(await reasonFor(changed(entry + 20, 0xffffffff))).toMatch(/truncated zip archive/); // in zip64, which is not there
  });

  test('listSource: a compressed member whose first bytes are no deflate is refused', async () => {
    const whole = await readFile(join(golden, 'colour.npz'));
    const start = whole.indexOf('train_images.npy') + 'train_images.npy'.length;
    whole.fill(0xff, start, start + 40);
    expect(await reasonFor(whole)).toMatch(/an array is damaged/);
  });

  test('listSource: arrays that nobody asks for may be anything', async () => {
    expect(await reasonFor(stored({ ...images('2, 2, 2'), 'notes.npy': npy('9', new Uint8Array(1), '<U7') }))).toBe('listed');
  });

  test('writeShard: an array of images that cannot be squared is set aside with a reason', async () => {
    await put(temporary, { 'line.npz': stored(images('1, 1, 1000000', new Uint8Array(1_000_000))) });
    const { access } = await listSource(join(temporary, 'line.npz'), 'unlabelled', { openTree: openFolder, seed: 1 });
    const chunk = { role: 'pool' as const, sources: [access], images: [{ id: 'x', at: '0', label: -1, source: 0 }] };
    const { setAside } = await writeShard(chunk, 64, openFolder); // it would be 64 million wide on the way
    expect(setAside).toEqual([{ image: 'x', reason: 'it is too narrow to be made square: 1000000 by 1 pixels' }]);
  });

  test('writeShard: images of a compressed array that goes on after its shape are set aside', async () => {
    await put(temporary, { 'longer.npz': packed(images('2, 2, 2', new Uint8Array(5_000_000))) });
    const { access } = await listSource(join(temporary, 'longer.npz'), 'unlabelled', { openTree: openFolder, seed: 1 });
    const chunk = { role: 'pool' as const, sources: [access], images: [{ id: 'x', at: '0', label: -1, source: 0 }] };
    const { setAside } = await writeShard(chunk, 2, openFolder);
    expect(setAside).toEqual([{ image: 'x', reason: 'an array is longer than its shape says' }]);
  });
});
