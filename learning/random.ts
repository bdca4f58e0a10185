/**
 * Counted randomness: every draw is a pure function of (seed, what it is for, its indices), so there is no state to save and no
 * order to keep. Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"); 32-bit integers only.
 */
import { createHash } from 'node:crypto';

/** A stream of draws. Two streams of different name share nothing; one name gives the same draws on every machine. */
export type Random = {
  /** Float in [0, 1), 53 random bits. */
  uniform(): number;
  /** Standard normal, Box–Muller on two uniforms. */
  normal(): number;
  /** Integer in 0..n−1, each exactly equally likely; 1 ≤ n ≤ 2³². */
  integer(n: number): number;
  /** The numbers 0..n−1 in random order (Fisher–Yates). */
  permutation(n: number): Int32Array;
};

const TWO_32 = 2 ** 32;

/** Upper 32 bits of the product of two unsigned 32-bit numbers. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const carry = (middle & 0xffff) + aLow * bHigh;
  return (aHigh * bHigh + (middle >>> 16) + (carry >>> 16)) >>> 0;
}

/**
 * One block of Philox4x32 with 10 rounds.
 * @param counter  4 unsigned 32-bit words
 * @param key      2 unsigned 32-bit words
 * @param block    receives the 4 random words
 */
export function philox(counter: Uint32Array, key: Uint32Array, block: Uint32Array): void {
  let [c0, c1, c2, c3, k0, k1] = [counter[0]!, counter[1]!, counter[2]!, counter[3]!, key[0]!, key[1]!];
  for (let round = 0; round < 10; round++) {
    const next0 = (multiplyHigh(0xcd9e8d57, c2) ^ c1 ^ k0) >>> 0;
    const next2 = (multiplyHigh(0xd2511f53, c0) ^ c3 ^ k1) >>> 0;
    c1 = Math.imul(0xcd9e8d57, c2) >>> 0;
    c3 = Math.imul(0xd2511f53, c0) >>> 0;
    c0 = next0;
    c2 = next2;
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  block.set([c0, c1, c2, c3]);
}

/** SHA-256 of the name of a stream, as JSON so that no two names look alike: 2 words of key, 2 upper words of counter. */
function streamWords(seed: number, parts: (string | number)[]): Uint32Array {
  const name = [seed, ...parts];
  if (!name.every((part) => typeof part === 'string' || Number.isFinite(part))) {
    throw new TypeError(`Cannot name a random stream as seed and indices must be finite: ${name.join(', ')}`);
  }
  const digest = createHash('sha256').update(JSON.stringify(name)).digest();
  return Uint32Array.from([0, 4, 8, 12], (offset) => digest.readUInt32LE(offset));
}

class PhiloxStream implements Random {
  readonly #key: Uint32Array;
  readonly #counter: Uint32Array;
  readonly #block = new Uint32Array(4);
  #used = 4;
  #spare: number | undefined;

  constructor(words: Uint32Array) {
    this.#key = words.slice(0, 2);
    this.#counter = Uint32Array.of(0, 0, words[2]!, words[3]!);
  }

  #word(): number {
    if (this.#used === 4) {
      philox(this.#counter, this.#key, this.#block);
      this.#counter[0]!++;
      if (this.#counter[0] === 0) this.#counter[1]!++; // 2⁶⁴ blocks before a stream repeats
      this.#used = 0;
    }
    return this.#block[this.#used++]!;
  }

  uniform(): number {
    const [high, low] = [this.#word() >>> 5, this.#word() >>> 6]; // 27 and 26 bits
    return (high * 2 ** 26 + low) / 2 ** 53;
  }

  normal(): number {
    const spare = this.#spare;
    this.#spare = undefined;
    if (spare !== undefined) return spare;
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform())); // 1 − u is never 0
    const angle = 2 * Math.PI * this.uniform();
    this.#spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  integer(n: number): number {
    if (!Number.isInteger(n) || n < 1 || n > TWO_32) throw new RangeError(`Cannot draw an integer as n must be 1 to 2³²: ${n}`);
    const fair = TWO_32 - (TWO_32 % n);
    let word = this.#word();
    while (word >= fair) word = this.#word();
    return word % n;
  }

  permutation(n: number): Int32Array {
    const order = Int32Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      [order[i], order[j]] = [order[j]!, order[i]!];
    }
    return order;
  }
}

/**
 * The stream of draws named by a seed, a purpose and indices, as in `randomStream(seed, 'view', epoch, imageId, view)`.
 * @throws TypeError when a number is not finite
 */
export function randomStream(seed: number, ...parts: (string | number)[]): Random {
  return new PhiloxStream(streamWords(seed, parts));
}
