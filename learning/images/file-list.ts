/**
 * The files of a source, packed: some fifty bytes each, path, size and time together, where an object with a string would take hundreds.
 * Each is a record in a block of bytes: length of the path (2), path in UTF-8, size and time (8 each, as doubles: some file systems keep any).
 */
import { setImmediate as turn } from 'node:timers/promises';
import type { FileInfo } from './file-tree.ts';

const BLOCK = 2 ** 20; // more than the longest record
const END = 256;
/** Files merged between two looks at the event loop: some hundredths of a second. */
const MERGED_AT_ONCE = 2 ** 18;

/** The place of each byte of UTF-8, and of the end of a text, in an order of texts. */
type Ranks = Uint16Array;
type Places = Uint32Array<ArrayBuffer>;

/** By UTF-16 code units, as JavaScript compares strings: what UTF-8 begins by EE and EF comes after all that is longer. */
const BY_PATH = ranksOf((byte) => (byte === END ? '' : unit(byte)));
/** The order of their paths as JSON strings. */
const BY_JSON = ranksOf((byte) => (byte === END ? '"' : byte < 0x80 ? JSON.stringify(String.fromCharCode(byte)).slice(1, -1) : unit(byte)));

function unit(byte: number): string {
  return String.fromCharCode(byte === 0xee || byte === 0xef ? byte + 8 : byte);
}

function ranksOf(textOf: (byte: number) => string): Ranks {
  const texts = Array.from({ length: END + 1 }, (_, byte) => textOf(byte));
  const sorted = texts.toSorted((a, b) => (a < b ? -1 : 1));
  return Uint16Array.from(texts, (text) => sorted.indexOf(text));
}

export class FileList {
  readonly #blocks: Buffer[] = [];
  #used = BLOCK; // of the last block
  #places: Places = new Uint32Array();
  #length = 0;

  static of(files: Iterable<FileInfo>): FileList {
    const list = new FileList();
    for (const file of files) list.push(file);
    return list;
  }

  get length(): number {
    return this.#length;
  }

  /** @throws RangeError beyond 4 GiB, some eighty million files */
  push({ path, bytes, modified }: FileInfo): void {
    const name = Buffer.from(path);
    const size = 2 + name.length + 16;
    if (this.#used + size > BLOCK) {
      this.#blocks.push(Buffer.allocUnsafeSlow(BLOCK));
      this.#used = 0;
    }
    const place = (this.#blocks.length - 1) * BLOCK + this.#used;
    if (place >= 2 ** 32) throw new RangeError(`Cannot list files as their names must fit in 4 GiB: "${path}" does not`);
    const block = this.#blocks.at(-1)!;
    let at = block.writeUInt16LE(name.length, this.#used);
    at += name.copy(block, at);
    at = block.writeDoubleLE(bytes, at);
    this.#used = block.writeDoubleLE(modified, at);
    if (this.#length === this.#places.length) {
      const places = new Uint32Array(2 * this.#length + 256);
      places.set(this.#places);
      this.#places = places;
    }
    this.#places[this.#length++] = place;
  }

  path(position: number): string {
    const [block, at, end] = this.#pathOf(this.#places[position]!);
    return block.toString('utf8', at, end);
  }

  at(position: number): FileInfo {
    return this.#read(this.#places[position]!);
  }

  /** Put them in the order of their paths by code units: the same on every machine, whatever its language. */
  async sort(): Promise<void> {
    this.#places = await this.#sorted(BY_PATH, this.#places.slice(0, this.#length));
  }

  /** Whether a file of that path is there. Of a sorted list only. */
  has(path: string): boolean {
    let [low, high] = [0, this.#length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.path(middle) < path) low = middle + 1;
      else high = middle;
    }
    return low < this.#length && this.path(low) === path;
  }

  /** Leave all others out. */
  keep(isKept: (path: string) => boolean): void {
    let kept = 0;
    for (let i = 0; i < this.#length; i++) if (isKept(this.path(i))) this.#places[kept++] = this.#places[i]!;
    this.#length = kept;
  }

  /** In the order of their paths as JSON strings. */
  async *inJsonOrder(): AsyncGenerator<FileInfo> {
    for (const place of await this.#sorted(BY_JSON, this.#places.slice(0, this.#length))) yield this.#read(place);
  }

  /** Merge sort, from pairs up: what is in order already costs one comparison a merge, and no array is made of the places. */
  async #sorted(ranks: Ranks, places: Places): Promise<Places> {
    const { length } = places;
    let [from, to] = [places, new Uint32Array(length)];
    for (let width = 1; width < length; width *= 2) {
      for (let start = 0; start < length; start += 2 * width) {
        if (start % MERGED_AT_ONCE === 0) await turn();
        const [middle, end] = [Math.min(start + width, length), Math.min(start + 2 * width, length)];
        let [left, right, at] = [start, middle, start];
        const isInOrder = middle === end || this.#compare(from[middle - 1]!, from[middle]!, ranks) <= 0;
        while (!isInOrder && left < middle && right < end)
          to[at++] = this.#compare(from[left]!, from[right]!, ranks) <= 0 ? from[left++]! : from[right++]!;
        while (left < middle) to[at++] = from[left++]!;
        while (right < end) to[at++] = from[right++]!;
      }
      [from, to] = [to, from];
    }
    return from;
  }

  #compare(a: number, b: number, ranks: Ranks): number {
    const [blockA, blockB] = [this.#blocks[Math.floor(a / BLOCK)]!, this.#blocks[Math.floor(b / BLOCK)]!];
    let [i, j] = [(a % BLOCK) + 2, (b % BLOCK) + 2];
    const [endA, endB] = [i + blockA[i - 2]! + 256 * blockA[i - 1]!, j + blockB[j - 2]! + 256 * blockB[j - 1]!];
    while (i < endA && j < endB && blockA[i] === blockB[j]) {
      i++;
      j++;
    }
    return ranks[i < endA ? blockA[i]! : END]! - ranks[j < endB ? blockB[j]! : END]!;
  }

  #read(place: number): FileInfo {
    const [block, at, end] = this.#pathOf(place);
    return { path: block.toString('utf8', at, end), bytes: block.readDoubleLE(end), modified: block.readDoubleLE(end + 8) };
  }

  /** Where the path of a record lies: its block, begin and end. */
  #pathOf(place: number): [Buffer, number, number] {
    const block = this.#blocks[Math.floor(place / BLOCK)]!;
    const at = (place % BLOCK) + 2;
    return [block, at, at + block.readUInt16LE(at - 2)];
  }
}
