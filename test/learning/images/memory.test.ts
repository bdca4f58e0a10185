import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { FLAT_WEBP, flatPng, zerosNpz } from './bombs.ts';
import { put, temporaryFolder } from './make-sources.ts';
import type { Told } from './memory-child.ts';

const temporary = await temporaryFolder();
const CHILD = fileURLToPath(new URL('memory-child.ts', import.meta.url));

/** What comes of a source in a process of its own: listed, and its shard written. */
async function toldOf(source: string): Promise<Told> {
  const child = fork(CHILD, [], { execArgv: ['--import', import.meta.resolve('tsx')] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const fallen = once(child, 'exit').then(([code, signal]) => Promise.reject(new Error(`The process ended: ${code ?? signal}`)));
  child.send(source);
  const [told] = await Promise.race([once(child, 'message'), fallen]);
  return told as Told;
}

test('writeShard: images take at most 1.5 GiB, however many are read side by side; one that would take more is refused', async () => {
  // A pixel of a WebP takes 8 bytes, so each of them 1.1 GiB. The PNG has no more pixels, but its rows are so long that 2.3 GiB are held.
  const files = { 'a.webp': FLAT_WEBP, 'b.webp': FLAT_WEBP, 'wide.png': flatPng(300_000, 500) };
  const { images, reasons, grown } = await toldOf(await put(join(temporary, 'large'), files));
  expect([images, reasons]).toEqual([2, ['it would take 3663 MiB of memory to decode, of at most 1536']]);
  expect(grown).toBeGreaterThan(1024); // or these are not the ones that take much
  expect(grown).toBeLessThan(1536);
}, 120_000);

describe('an NPZ of 8 MB that unpacks to 8 GiB', () => {
  const ZEROS = 8 * 2 ** 30;

  async function toldOfNpz(name: string, shape: string) {
    const bytes = zerosNpz(shape, ZEROS);
    const folder = await put(temporary, { [name]: bytes });
    const { read, ...told } = await toldOf(join(folder, name));
    return { ...told, readings: read / bytes.length };
  }

  test('listSource: one that says so is refused by its header', async () => {
    const { reasons, readings, grown } = await toldOfNpz('honest.npz', '8192, 1024, 1024');
    expect(reasons).toEqual([expect.stringMatching(/a compressed array must have at most 2147483648 bytes .*: 8589934592$/)]);
    expect(readings).toBeLessThan(0.02);
    expect(grown).toBeLessThan(64);
  });

  test('writeShard: one that says it is small is unpacked no further than that', async () => {
    const { images, reasons, readings, grown } = await toldOfNpz('small.npz', '2, 2, 2');
    expect([images, reasons]).toEqual([0, ['an array is longer than its shape says']]);
    expect(readings).toBeLessThan(1.1);
    expect(grown).toBeLessThan(128);
  });

  test('writeShard: one that says it is as large as may be takes that memory, once for all of its images', async () => {
    const { images, reasons, readings, grown } = await toldOfNpz('large.npz', '2048, 1024, 1024');
    expect([images, reasons]).toEqual([0, ['an array is longer than its shape says']]);
    expect(readings).toBeLessThan(1.1);
    expect(grown).toBeLessThan(2048 + 128);
  });
});
