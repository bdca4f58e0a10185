import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { FLAT_WEBP, flatPng } from './bombs.ts';
import { put, temporaryFolder } from './make-sources.ts';
import type { Told } from './memory-child.ts';

const temporary = await temporaryFolder();
const CHILD = fileURLToPath(new URL('memory-child.ts', import.meta.url));

/** What comes of a source in a process of its own: listed, and its shard written. */
async function toldOf(source: string): Promise<Told> {
  const child = fork(CHILD, [], { execArgv: ['--import', import.meta.resolve('tsx')] });
  child.send(source);
  const [told] = await once(child, 'message');
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
