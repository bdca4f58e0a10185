/**
 * How a trainer reads its inputs. Shard files appear in a folder in a counted order; several make a window; the images of a window
 * are shuffled by a counted draw and dealt out in batches. Nothing depends on when a file arrives.
 */
import { access, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../contracts/failures.ts';
import type { ShardFiles } from '../contracts/trainer.ts';
import { randomStream } from './random.ts';
import { type HostTensor, readSafetensors } from './safetensors.ts';

/** A batch of B images, V views of each (1 for plain images). */
export type Rows = {
  ids: string[];
  /** int32 [B], −1 for none; there when the files have labels. */
  labels?: Int32Array;
  /** V */
  views: number;
  /** uint8 [V·B, H, W, 3]: all first views, then all second ones. Not to be written to. */
  pixels: HostTensor & { dtype: 'uint8' };
};

export type EpochWanted = {
  folder: string;
  seed: number;
  epoch: number;
  /** All shards in their canonical order. */
  shards: ShardFiles;
  /** Images a batch; at most the images of an epoch. */
  batch: number;
  /** Batches already trained on, for a resume. */
  skipBatches?: number;
  /** Images shuffled together, counted by `windowImages`; a window holds one shard at least. */
  windowImages: number;
  /** What shards are read into; the same one for all epochs keeps memory even. */
  buffers?: ShardBuffers;
  /** Called after each file: large windows take a while. */
  onRead?(): void;
};

const BUFFER_STEP = 2 ** 16;

/**
 * Memory that shards are read into, used again once their images are dealt out: left to V8, which does not hurry about what lies outside
 * of its heap, one more window would pile up.
 */
export class ShardBuffers {
  readonly #free: ArrayBuffer[] = [];

  /** Bytes to write to, whatever they hold; lengths are rounded up inside, as headers of shards differ by some letters. */
  take(length: number): Uint8Array<ArrayBuffer> {
    const fitting = this.#free.findIndex(({ byteLength }) => byteLength >= length);
    const [buffer = new ArrayBuffer(Math.ceil(length / BUFFER_STEP) * BUFFER_STEP)] = fitting < 0 ? [] : this.#free.splice(fitting, 1);
    return new Uint8Array(buffer, 0, length);
  }

  /** They may be taken again: nobody reads them any more. */
  giveBack({ buffer }: Uint8Array<ArrayBuffer>): void {
    this.#free.push(buffer);
  }
}

const WINDOW_IMAGES = 8192;
const WINDOW_BYTES = 512 * 2 ** 20; // with the window read ahead, twice that
const POLL_MILLISECONDS = 20;

/**
 * Images of a window. Views count whether they are read or rendered from what is read, so that batches are the same either way.
 * @param size   side of the images, pixels
 * @param views  views of each image that a batch shows the network
 */
export function windowImages(size: number, views: number): number {
  return Math.min(WINDOW_IMAGES, Math.floor(WINDOW_BYTES / (views * size * size * 3)));
}

/** Name of the file of one shard in one epoch. */
export function inputFile(epoch: number, shard: number): string {
  return `e${String(epoch).padStart(6, '0')}-s${String(shard).padStart(5, '0')}.safetensors`;
}

/** Name of the file of one teacher. */
export const teacherFile = (teacher: number): string => (teacher === 0 ? 'teacher.safetensors' : `teacher-${teacher}.safetensors`);

/** Name of a file of labelled images that is there from the start and stays. */
export const packFile = (what: 'known' | 'judged', pack: number): string => `${what}-${pack}.safetensors`;

/** The order in which an epoch reads its shards: supervisor and trainer count it alike. */
export function shardOrder(seed: number, epoch: number, shards: number): Int32Array {
  return randomStream(seed, 'shard order', epoch).permutation(shards);
}

/** The windows that are left of an epoch, as lists of shards; the number of the first one; and how many of its rows were dealt out before. */
export type WindowsLeft = { windows: number[][]; first: number; dealt: number };

/**
 * Where an epoch goes on after `skipBatches`. It depends on the numbers of images alone, so that supervisor and trainer count it alike, and
 * nobody reads what was trained on before.
 */
export function windowsLeft(
  wanted: Pick<EpochWanted, 'seed' | 'epoch' | 'shards' | 'batch' | 'skipBatches' | 'windowImages'>,
): WindowsLeft {
  const { seed, epoch, shards, batch, skipBatches = 0, windowImages } = wanted;
  const windows: number[][] = [];
  const images: number[] = [];
  for (const shard of shardOrder(seed, epoch, shards.length)) {
    const more = shards[shard]!.images;
    const last = windows.length - 1;
    if (last < 0 || images[last]! + more > windowImages) {
      windows.push([shard]);
      images.push(more);
    } else {
      windows[last]!.push(shard);
      images[last]! += more;
    }
  }
  let [first, dealt] = [0, skipBatches * batch];
  while (first < windows.length && dealt >= images[first]!) dealt -= images[first++]!;
  return { windows: windows.slice(first), first, dealt };
}

/** A shard in memory: `data` holds [n, V, H, W, 3]; `bytes` is the whole file, where the rest are views of it. */
type Shard = { ids: string[]; labels?: Int32Array; views: number; image: number[]; data: Uint8Array; bytes?: Uint8Array<ArrayBuffer> };
type Row = { shard: Shard; at: number };

async function waitFor(file: string, signal: AbortSignal): Promise<void> {
  for (;;) {
    const there = await access(file).then(
      () => true,
      () => false,
    );
    if (there) return;
    await sleep(POLL_MILLISECONDS, undefined, { signal });
  }
}

const broken = (file: string, rule: string, state: string) => new Failure('DataIntegrity', `Cannot read "${file}" as ${rule}: ${state}`);

async function readShard(file: string, images: number, buffers: ShardBuffers): Promise<Shard> {
  let bytes: Uint8Array<ArrayBuffer> | undefined;
  const { tensors, metadata } = await readSafetensors(file, 'refuse', (length) => (bytes = buffers.take(length)));
  const pixels = tensors.views ?? tensors.images;
  if (pixels?.dtype !== 'uint8') throw broken(file, 'it must hold uint8 views or images', Object.keys(tensors).join(', '));
  const [n, ...rest] = pixels.shape;
  const ids: unknown = JSON.parse(metadata.ids ?? 'null');
  if (n !== images || !Array.isArray(ids) || ids.length !== n) {
    throw broken(file, `it must hold ${images} images and their ids`, `${n} images, ${Array.isArray(ids) ? ids.length : 'no'} ids`);
  }
  const [views = 1, ...image] = tensors.views ? rest : [1, ...rest];
  const { labels } = tensors;
  return { ids, labels: labels?.dtype === 'int32' ? labels.data : undefined, views, image, data: pixels.data, bytes };
}

/** Read windows one after the other. A file is deleted once it is read. */
async function* read(
  lists: number[][],
  { folder, epoch, shards, onRead }: EpochWanted,
  buffers: ShardBuffers,
  signal: AbortSignal,
): AsyncGenerator<Shard[]> {
  for (const list of lists) {
    const window: Shard[] = [];
    for (const index of list) {
      const file = join(folder, inputFile(epoch, index));
      await waitFor(file, signal);
      window.push(await readShard(file, shards[index]!.images, buffers));
      await rm(file);
      onRead?.();
    }
    yield window;
  }
}

/** All images of a window in a counted order. */
function shuffledRows(window: Shard[], seed: number, epoch: number, index: number): Row[] {
  const rows = window.flatMap((shard) => shard.ids.map((_, at) => ({ shard, at })));
  return Array.from(randomStream(seed, 'window', epoch, index).permutation(rows.length), (row) => rows[row]!);
}

/** A row by itself, so that the shard it came from can go. */
function alone({ shard, at }: Row): Row {
  const length = shard.data.length / shard.ids.length;
  const data = shard.data.slice(at * length, (at + 1) * length);
  return { shard: { ...shard, ids: [shard.ids[at]!], labels: shard.labels?.slice(at, at + 1), data, bytes: undefined }, at: 0 };
}

/** Copy the images of some rows side by side. */
function gather(rows: Row[]): Rows {
  const { views, image } = rows[0]!.shard;
  const length = image.reduce((product, side) => product * side, 1);
  const data = new Uint8Array(views * rows.length * length);
  for (const [i, { shard, at }] of rows.entries()) {
    for (let view = 0; view < views; view++) {
      const from = (at * views + view) * length;
      data.set(shard.data.subarray(from, from + length), (view * rows.length + i) * length);
    }
  }
  const labelled = rows.every(({ shard }) => shard.labels);
  return {
    ids: rows.map(({ shard, at }) => shard.ids[at]!),
    labels: labelled ? Int32Array.from(rows, ({ shard, at }) => shard.labels![at]!) : undefined,
    views,
    pixels: { dtype: 'uint8', shape: [views * rows.length, ...image], data },
  };
}

/** The next item is asked for while the present one is in use. */
async function* oneAhead<T>(items: AsyncGenerator<T>): AsyncGenerator<T> {
  let next = items.next();
  for (;;) {
    const { value, done } = await next;
    if (done) return;
    next = items.next();
    next.catch(() => undefined); // it is awaited in its turn, unless nobody wants it any more
    yield value;
  }
}

/**
 * The full batches of one epoch, every image at most once; the last incomplete one is dropped. Waits until each file of `windowsLeft` is
 * there and deletes it once read. Holds the window in use, one read ahead and less than a batch of left-over images, in `buffers`.
 * @throws Failure DataIntegrity when a file does not hold what `shards` says
 */
export async function* epochBatches(wanted: EpochWanted): AsyncGenerator<Rows> {
  const { seed, epoch, batch, buffers = new ShardBuffers() } = wanted;
  const { windows, first, dealt } = windowsLeft(wanted);
  const abort = new AbortController();
  let [pending, window, at]: [Row[], number, number] = [[], first, dealt];
  try {
    for await (const shards of oneAhead(read(windows, wanted, buffers, abort.signal))) {
      pending = [...pending, ...shuffledRows(shards, seed, epoch, window++)];
      for (; at + batch <= pending.length; at += batch) yield gather(pending.slice(at, at + batch));
      pending = pending.slice(at).map(alone);
      for (const { bytes } of shards) if (bytes) buffers.giveBack(bytes);
      at = 0;
    }
  } finally {
    abort.abort(); // a consumer that stops early leaves no timer behind
  }
}
