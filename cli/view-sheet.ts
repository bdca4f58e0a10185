/** Images and their views side by side, as one picture. */
import sharp from 'sharp';
import type { ViewSettings } from '../contracts/trainer.ts';
import { drawViews } from '../learning/views/draw.ts';
import { renderViews } from '../learning/views/render.ts';

/** `pixels` uint8 [size, size, 3]; `id` names the image as in its shard, so its views are those of the training. */
export type Shown = { id: string; pixels: Uint8Array };

/** Views of an image in one epoch, and epochs shown. */
const VIEWS = 2;
export const EPOCHS = 4;
/** Pixels: small images are enlarged to this side at least, by a whole number; large ones are shown at that side at most. */
const LEAST_SIDE = 96;
const MOST_SIDE = 224;
const MARGIN = 12;
const GAP = 2;

/** Side of an image of `size` pixels on the sheet. */
export const shownSide = (size: number): number => Math.min(size * Math.ceil(LEAST_SIDE / size), MOST_SIDE);

/** Where column c begins: the image itself, then pairs of views, a pair for each epoch. */
const leftOf = (column: number, side: number): number => MARGIN + column * (side + GAP) + Math.ceil(column / VIEWS) * (MARGIN - GAP);

/**
 * One row for each image: the image, then its views in the first four epochs.
 * @param seed  of the recipe
 * @param size  side of the images, pixels
 * @returns     a PNG
 */
export async function viewSheet(images: Shown[], settings: ViewSettings, seed: number, size: number): Promise<Buffer> {
  const ids = images.map(({ id }) => id);
  const data = Uint8Array.from(Buffer.concat(images.map(({ pixels }) => pixels)));
  const bytes = size * size * 3;
  const epochs = Array.from({ length: EPOCHS }, (_, epoch) => {
    const parameters = drawViews(settings, seed, epoch, ids, VIEWS, size);
    return renderViews({ dtype: 'uint8', shape: [images.length, size, size, 3], data }, parameters).data;
  });
  const rows = images.map(({ pixels }, i) => [
    pixels,
    ...epochs.flatMap((views) =>
      Array.from({ length: VIEWS }, (_, v) => views.subarray((VIEWS * i + v) * bytes, (VIEWS * i + v + 1) * bytes)),
    ),
  ]);
  const side = shownSide(size);
  const cells = rows.flatMap((row, i) =>
    row.map(async (pixels, column) => ({
      input: await sharp(pixels, { raw: { width: size, height: size, channels: 3 } })
        .resize(side, side, { kernel: side > size ? 'nearest' : 'lanczos3' })
        .png()
        .toBuffer(),
      left: leftOf(column, side),
      top: MARGIN + i * (side + GAP),
    })),
  );
  const width = leftOf(VIEWS * EPOCHS, side) + side + MARGIN;
  const height = 2 * MARGIN + images.length * (side + GAP) - GAP;
  return sharp({ create: { width, height, channels: 3, background: '#ffffff' } })
    .composite(await Promise.all(cells))
    .removeAlpha()
    .png()
    .toBuffer();
}
