/** What a source holds, before any pixel is read. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { Failure } from '../../contracts/failures.ts';
import type { FileInfo } from './file-tree.ts';

const NpyArray = z.strictObject({
  dtype: z.string(),
  shape: z.array(z.int().min(0)),
  start: z.int().min(0),
  packed: z.int().min(0),
  stored: z.boolean(),
  skip: z.int().min(0),
});

/** How to read the images of a source: all a worker has to know besides `at`, which says which image. */
export const Access = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('files'), root: z.string() }).describe('at: path below the root'),
  z
    .strictObject({ kind: z.literal('npz'), root: z.string(), path: z.string(), modified: z.number(), array: NpyArray })
    .describe('at: index in the array'),
  z.strictObject({ kind: z.literal('cifar10'), root: z.string() }).describe('at: file/index of the record'),
  z.strictObject({ kind: z.literal('shapes'), set: z.string(), seed: z.int() }).describe('at: class/index'),
]);
export type Access = z.infer<typeof Access>;

/** One image: `id` is unique in its role, `label` an index into the classes of its listing or −1, `at` its place (see Access). */
export type ListedImage = { id: string; label: number; at: string };

/** The images of one source in a stable order. `classes` are those that occur; `fingerprint` changes when a file does. */
export type Listing = { classes: string[]; images: ListedImage[]; access: Access; fingerprint: string };

export type Role = 'train' | 'test' | 'unlabelled';

export function refuseImages(rule: string, state: string): never {
  throw new Failure('InvalidImages', `Cannot list images as ${rule}: ${state}`);
}

export const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

/** Order by code units: the same on every machine, whatever its language. */
export const byCodeUnits = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

/** Hash over path, size and time of files: reads none of them. `extra` is whatever else decides the listing. */
export function fingerprintOf(files: FileInfo[], ...extra: string[]): string {
  const lines = files.map(({ path, bytes, modified }) => JSON.stringify([path, bytes, modified])).sort(byCodeUnits);
  return sha256([...lines, ...extra].join('\n'));
}

/** Index as it stands in ids, so that they sort as numbers do. */
export const ordinal = (index: number) => String(index).padStart(5, '0');

/** Class names in order (numbers as numbers), and the images' labels by name turned into their indices. */
export function withClasses(images: { id: string; at: string; name: string | undefined }[]): Pick<Listing, 'classes' | 'images'> {
  const names = new Set(images.flatMap(({ name }) => (name === undefined ? [] : [name])));
  const numeric = [...names].every((name) => /^\d+$/.test(name));
  const classes = [...names].sort(numeric ? (a, b) => Number(a) - Number(b) : byCodeUnits);
  const indices = new Map(classes.map((name, i) => [name, i]));
  return { classes, images: images.map(({ id, at, name }) => ({ id, at, label: name === undefined ? -1 : indices.get(name)! })) };
}
