/**
 * Ours: views of JPEG files. An iteration decodes each file once, to the stored size, and renders two views of it in each of some
 * epochs. Arguments: `size epochs folder`. It speaks the contestant's side itself, as decoding is not done at once but promised.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import sharp from 'sharp';
import { decodeImage } from '../../learning/images/decode.ts';
import { viewsOf } from './views-of.ts';

const [size = '', epochs = '', folder = ''] = process.argv.slice(2);
sharp.concurrency(1); // one thread, as the peers have
const render = viewsOf(Number(size));
const say = (line: object) => void process.stdout.write(`${JSON.stringify(line)}\n`);

const names = (await readdir(folder)).sort();
say({ ready: true, firstSeconds: await secondsOfOne() });
for await (const line of createInterface(process.stdin)) {
  if (line === 'end') break;
  const seconds: number[] = [];
  for (let left = Number(line.replace('go ', '')); left > 0; left--) seconds.push(await secondsOfOne());
  say({ seconds });
}
say({ peakBytes: process.resourceUsage().maxRSS * 1024 });
process.exit(0);

async function secondsOfOne(): Promise<number> {
  const started = performance.now();
  const decoded: Uint8Array[] = [];
  for (const name of names) decoded.push(await decodeImage(await readFile(join(folder, name)), Number(size)));
  const pixels = Buffer.concat(decoded);
  for (let epoch = 0; epoch < Number(epochs); epoch++) render(pixels, epoch);
  return (performance.now() - started) / 1_000;
}
