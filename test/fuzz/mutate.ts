/** Inputs that somebody broke: seeded changes of sound ones, so that each can be made again from its number. */
import { type Random, randomStream } from '../../learning/random.ts';

/** Numbers that formats trip over, as they stand in a file. */
const NUMBERS = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff];
const MOST_CHANGES = 6;
const LARGEST = 300_000; // bytes of an input

type Change = (bytes: Buffer, random: Random, words: string[]) => Buffer;

const at = (bytes: Buffer, random: Random) => random.integer(bytes.length + 1);
const part = (bytes: Buffer, random: Random) => {
  const start = at(bytes, random);
  return bytes.subarray(start, start + random.integer(Math.min(200, bytes.length - start) + 1));
};
const insert = (bytes: Buffer, place: number, more: Uint8Array) => Buffer.concat([bytes.subarray(0, place), more, bytes.subarray(place)]);
const changed = (bytes: Buffer, change: (copy: Buffer) => void) => {
  const copy = Buffer.from(bytes);
  if (copy.length > 0) change(copy);
  return copy;
};

const CHANGES: Change[] = [
  (bytes, random) => changed(bytes, (copy) => (copy[random.integer(copy.length)]! ^= 1 << random.integer(8))),
  (bytes, random) => changed(bytes, (copy) => (copy[random.integer(copy.length)] = random.integer(256))),
  (bytes, random) => bytes.subarray(0, at(bytes, random)),
  (bytes, random) => insert(bytes, at(bytes, random), Buffer.from(part(bytes, random))),
  (bytes, random) => insert(bytes, at(bytes, random), Buffer.alloc(random.integer(64), random.integer(256))),
  (bytes, random, words) => insert(bytes, at(bytes, random), Buffer.from(words[random.integer(words.length)] ?? '')),
  (bytes, random, words) =>
    insert(bytes, at(bytes, random), Buffer.from((words[random.integer(words.length)] ?? '').repeat(1 + random.integer(3000)))),
  (bytes, random) => {
    const start = at(bytes, random);
    return Buffer.concat([bytes.subarray(0, start), bytes.subarray(start + random.integer(Math.min(500, bytes.length - start) + 1))]);
  },
  (bytes, random) =>
    changed(bytes, (copy) => {
      const width = [1, 2, 4, 8][random.integer(4)]!;
      if (copy.length < width) return;
      const place = random.integer(copy.length - width + 1);
      const value = BigInt(NUMBERS[random.integer(NUMBERS.length)]!) * (width === 8 && random.integer(2) ? 0xffffffffn : 1n);
      const written = Buffer.alloc(8);
      written.writeBigUInt64LE(BigInt.asUintN(64, value));
      const digits = written.subarray(0, width);
      copy.set(random.integer(2) ? digits : digits.toReversed(), place);
    }),
  // A number in a text becomes another one.
  (bytes, random) => {
    const found = [...bytes.toString('latin1').matchAll(/\d+/g)];
    const number = found[random.integer(Math.max(1, found.length))];
    if (!number) return bytes;
    const other = ['0', '-1', '1e9', '99999999999999999999', '4294967296', '1e400', '0.5', 'NaN'][random.integer(8)]!;
    return Buffer.concat([bytes.subarray(0, number.index), Buffer.from(other), bytes.subarray(number.index + number[0].length)]);
  },
];

/**
 * A broken input.
 * @param sound   the bytes it is made from
 * @param words   what means something in its format, to be put anywhere
 * @param number  which one, from 0
 */
export function mutate(sound: Uint8Array, words: string[], seed: number, number: number): Buffer {
  const random = randomStream(seed, 'fuzz', number);
  let bytes: Buffer = Buffer.from(sound);
  const changes = random.integer(2) ? 1 : 1 + random.integer(MOST_CHANGES);
  for (let left = changes; left > 0; left--) bytes = CHANGES[random.integer(CHANGES.length)]!(bytes, random, words);
  return bytes.subarray(0, LARGEST);
}
