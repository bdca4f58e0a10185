/** `fewlabels predict MODEL IMAGES…` */
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { openFolder } from '../../learning/images/file-tree.ts';
import { readImage } from '../../learning/images/read-image.ts';
import { reasonAgainst } from '../../learning/images/shards.ts';
import { beforeTensorflow } from '../before-tensorflow.ts';
import { modelBytes } from '../model-file.ts';
import { BadInput, EXIT, Quit } from '../problem.ts';
import type { Context } from '../terminal.ts';

export type PredictOptions = { json?: boolean; out: string };
type Prediction = { image: string; class: string; probability: number; probabilities: Record<string, number> };
type Unread = { image: string; reason: string };

const BATCH = 64;
const AT_ONCE = 4;
const IMAGE_NAME = /\.(jpe?g|png|webp|tiff?|gif|bmp|avif)$/i;

/** One line of CSV per image as soon as it is known; images that cannot be read are told on stderr and make the exit status 1. */
export async function predict(context: Context, model: string, names: string[], options: PredictOptions): Promise<void> {
  const { terminal } = context;
  const files = (await Promise.all(names.map(imagesAt))).flat();
  if (files.length === 0)
    throw new BadInput(`Cannot predict as there must be images: ${names.join(', ')} ${names.length === 1 ? 'holds' : 'hold'} none`);
  beforeTensorflow(context.variables);
  const bytes = await modelBytes(context, 'student', model, options.out);
  const { openStudent } = await import('../student.ts');
  const student = openStudent(bytes, model);
  const all: Prediction[] = [];
  const unread: Unread[] = [];
  if (!options.json) terminal.record('image,class,probability');
  for (let i = 0; i < files.length; i += BATCH) {
    const { read, failed } = await decodeAll(files.slice(i, i + BATCH), student.size);
    for (const { image, reason } of failed) terminal.say(`✖ ${image}: ${reason}`);
    unread.push(...failed);
    const rows = read.length > 0 ? await student.predict(read.map(({ pixels }) => pixels)) : [];
    const found = rows.map((row, r) => answer(read[r]?.image ?? '', student.classes, row));
    if (options.json) all.push(...found);
    else for (const entry of found) terminal.record([entry.image, entry.class, entry.probability.toFixed(4)].map(csv).join(','));
  }
  if (options.json) terminal.print(JSON.stringify({ model, classes: student.classes, predictions: all, unreadable: unread }));
  if (unread.length > 0) throw new Quit(EXIT.failed);
}

/** A file itself; the images in a folder and below, in order. */
async function imagesAt(name: string): Promise<string[]> {
  const info = await stat(name).catch(() => undefined);
  if (!info) throw new BadInput(`Cannot predict as "${name}" must be an image or a folder: there is no such file`);
  if (!info.isDirectory()) return [name];
  const entries = await readdir(name, { recursive: true });
  return entries
    .filter((entry) => IMAGE_NAME.test(entry))
    .sort()
    .map((entry) => join(name, entry));
}

async function decodeAll(files: string[], size: number) {
  const read: { image: string; pixels: Uint8Array }[] = [];
  const failed: Unread[] = [];
  for (let i = 0; i < files.length; i += AT_ONCE) {
    const decoded = await Promise.all(files.slice(i, i + AT_ONCE).map((image) => decodeOne(image, size)));
    for (const entry of decoded) 'pixels' in entry ? read.push(entry) : failed.push(entry);
  }
  return { read, failed };
}

function decodeOne(image: string, size: number): Promise<{ image: string; pixels: Uint8Array } | Unread> {
  return readImage({ kind: 'files', root: dirname(image) }, basename(image), size, openFolder).then(
    (pixels) => ({ image, pixels }),
    (error: unknown) => ({ image, reason: reasonAgainst(error) }),
  );
}

function answer(image: string, classes: string[], row: number[]): Prediction {
  const best = row.indexOf(Math.max(...row));
  return {
    image,
    class: classes[best] ?? '',
    probability: row[best] ?? 0,
    probabilities: Object.fromEntries(classes.map((name, c) => [name, row[c] ?? 0])),
  };
}

/** What a spreadsheet would compute when it opens the file; a number is none. */
const FORMULA = /^[=+\-@\t\r\n\uff0b\uff0d\uff1d\uff20]/;
const NUMBER = /^[+-]?\d+(\.\d+)?$/;

/**
 * A CSV field, quoted where it must be (RFC 4180), and where a program that parts fields by `;` or tabs would take it for two. Names are
 * anybody's: one that looks like a formula gets a `'` before it, so that it stays a text.
 */
export function csv(field: string): string {
  const text = FORMULA.test(field) && !NUMBER.test(field) ? `'${field}` : field;
  return /[",;\t\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
