/** Sound inputs to begin with. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { encodeShard } from '../../learning/images/shards.ts';
import { encodeSafetensors } from '../../learning/safetensors.ts';

export const images = fileURLToPath(new URL('../learning/images/golden/', import.meta.url));
const tensors = fileURLToPath(new URL('../golden/', import.meta.url));
export const recipes = fileURLToPath(new URL('../../recipes/', import.meta.url));

export async function filesIn(folder: string, pattern: RegExp): Promise<Buffer[]> {
  const names = (await readdir(folder)).filter((name) => pattern.test(name)).sort();
  return Promise.all(names.map((name) => readFile(join(folder, name))));
}

export async function soundImages(): Promise<Uint8Array[]> {
  const noise = Uint8Array.from({ length: 24 * 16 * 4 }, (_, i) => Math.imul(i, 2654435761) >>> 24);
  const picture = () => sharp(noise, { raw: { width: 24, height: 16, channels: 4 } });
  const formats = [
    picture().png(),
    picture().png({ palette: true, progressive: true }),
    picture().toColourspace('rgb16').png(),
    picture().removeAlpha().jpeg(),
    picture().removeAlpha().jpeg({ progressive: true }).withMetadata({ orientation: 6 }),
    picture().webp({ lossless: true }),
    picture().webp(),
    picture().tiff({ compression: 'lzw' }),
    picture().tiff({ compression: 'jpeg', tile: true, tileWidth: 16, tileHeight: 16 }),
    picture().gif(),
    picture().avif(),
  ];
  return [...(await Promise.all(formats.map((format) => format.toBuffer()))), ...(await filesIn(images, /\.(bmp|jpg|tiff)$/))];
}

/** All a shard of ours can say, and files of Python. */
export async function soundTensors(): Promise<Uint8Array[]> {
  const pixels = new Uint8Array(2 * 2 * 3);
  const shard = encodeShard(
    [0, 1, 2].map((label) => ({ pixels, label, id: `a/${label}.png` })),
    2,
  );
  return [shard, encodeSafetensors({}), ...(await filesIn(tensors, /^(python|counted|pytorch)\.safetensors$/))];
}
