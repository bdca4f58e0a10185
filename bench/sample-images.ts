/** Real images as inputs of a benchmark, from the sample data: pixels in one raw file, or JPEG files in a folder. */
import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { decodeImage } from '../learning/images/decode.ts';
import { type Sample, sampleData } from '../test/sample-data.ts';

/** Folder of classes of a sample's training or test images. @throws Error when the sample data are not there */
export function folderOf(sample: Sample, part: 'train' | 'test' = 'train'): string {
  const folder = sampleData(sample);
  if (folder) return join(folder, part);
  throw new Error(`Cannot measure without the sample data ${sample}: name their folder in FEWLABELS_DATA`);
}

/** Some files of a sample, spread evenly over its classes. */
async function someFiles(sample: Sample, count: number): Promise<string[]> {
  const folder = folderOf(sample);
  const names = await readdir(folder, { recursive: true });
  const files = names.filter((name) => name.endsWith('.jpg')).sort();
  return Array.from({ length: count }, (_, i) => join(folder, files[Math.floor((i * files.length) / count)] ?? ''));
}

/** Decoded as the pipeline does it: uint8 [count, size, size, 3], raw. */
export async function writePixels(file: string, sample: Sample, count: number, size: number): Promise<void> {
  const images: Uint8Array[] = [];
  for (const name of await someFiles(sample, count)) images.push(await decodeImage(await readFile(name), size));
  await writeFile(file, Buffer.concat(images));
}

const WIDTH = 500;
const HEIGHT = 375;
const QUALITY = 95;

/**
 * JPEG files of 500×375 px, each four microscope pictures side by side: scaled down they are as rich in detail as photographs of
 * that size. @returns their mean size, bytes
 */
export async function writeJpegs(folder: string, count: number): Promise<number> {
  await mkdir(folder);
  const [width, height] = [WIDTH / 2, Math.ceil(HEIGHT / 2)];
  const cells = await someFiles('bloodcells', 4 * count);
  let bytes = 0;
  for (let i = 0; i < count; i++) {
    const four = cells.slice(4 * i, 4 * i + 4).map((file) => sharp(file).resize(width, height, { fit: 'cover' }).toBuffer());
    const places = (await Promise.all(four)).map((input, k) => ({
      input,
      left: (k % 2) * width,
      top: k < 2 ? 0 : HEIGHT - height,
    }));
    const canvas = sharp({ create: { width: WIDTH, height: HEIGHT, channels: 3, background: '#000' } });
    const file = await canvas.composite(places).jpeg({ quality: QUALITY }).toBuffer();
    bytes += file.length;
    await writeFile(join(folder, `${String(i).padStart(3, '0')}.jpg`), file);
  }
  return bytes / count;
}

/** A folder of classes with the first `perClass` files of each class of a sample. */
export async function copySome(folder: string, sample: Sample, perClass: number, part: 'train' | 'test' = 'train'): Promise<void> {
  const from = folderOf(sample, part);
  for (const name of await readdir(from)) {
    await mkdir(join(folder, name), { recursive: true });
    const files = (await readdir(join(from, name))).sort().slice(0, perClass);
    for (const file of files) await copyFile(join(from, name, file), join(folder, name, file));
  }
}
