/** What a source holds, before any pixel is read. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { Failure } from '../../contracts/failures.ts';
import type { FileList } from './file-list.ts';

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

/** One image: `id` is unique in its role, `at` its place (see Access). */
type ImageName = { id: string; at: string };

/**
 * The images of one source in a stable order. `classes` are those that occur; `fingerprint` changes when a file does. There may be
 * millions: each has a label, an index into the classes or −1, and its name is made when it is asked for.
 */
export type Listing = {
  classes: string[];
  /** int32 [N] */
  labels: Int32Array;
  nameOf(position: number): ImageName;
  access: Access;
  fingerprint: string;
};

export type Role = 'train' | 'test' | 'unlabelled';

export function refuseImages(rule: string, state: string): never {
  throw new Failure('InvalidImages', `Cannot list images as ${rule}: ${state}`);
}

export const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

/** Order by code units: the same on every machine, whatever its language. */
const byCodeUnits = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

/** Hash over path, size and time of files: reads none of them. `extra` is whatever else decides the listing. */
export async function fingerprintOf(files: FileList, ...extra: string[]): Promise<string> {
  const hash = createHash('sha256');
  for await (const { path, bytes, modified } of files.inJsonOrder()) hash.update(`${JSON.stringify([path, bytes, modified])}\n`);
  return hash.update(extra.join('\n')).digest('hex');
}

/** Index as it stands in ids, so that they sort as numbers do. */
export const ordinal = (index: number) => String(index).padStart(5, '0');

/**
 * Class names in order (numbers as numbers), and the images' labels as their indices.
 * @param images   how many there are
 * @param classOf  name of the class of an image, or undefined for none
 */
export function withClasses(images: number, classOf: (position: number) => string | undefined): Pick<Listing, 'classes' | 'labels'> {
  const names = new Map<string, number>(); // in the order in which they are met
  const labels = new Int32Array(images);
  for (let i = 0; i < images; i++) {
    const name = classOf(i);
    if (name !== undefined && !names.has(name)) names.set(name, names.size);
    labels[i] = name === undefined ? -1 : names.get(name)!;
  }
  const numeric = [...names.keys()].every((name) => /^\d+$/.test(name));
  const classes = [...names.keys()].sort(numeric ? (a, b) => Number(a) - Number(b) : byCodeUnits);
  const places = new Map(classes.map((name, i) => [name, i]));
  const indices = Int32Array.from(names.keys(), (name) => places.get(name)!);
  for (let i = 0; i < images; i++) if (labels[i]! >= 0) labels[i] = indices[labels[i]!]!;
  return { classes, labels };
}
