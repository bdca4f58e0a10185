/** Which of very many texts are equal. Only positions are kept, some eight bytes each: a text is made again whenever it is compared. */
export class TextIndex {
  readonly #slots: Uint32Array; // position + 1, or 0 for none
  readonly #textAt: (position: number) => string;

  /** @param most  texts that it will hold @param textAt  the text of a position, the same every time */
  constructor(most: number, textAt: (position: number) => string) {
    this.#slots = new Uint32Array(2 ** Math.ceil(Math.log2(1.5 * most + 1)));
    this.#textAt = textAt;
  }

  /** Take a text in, unless an equal one is there. @returns whether it was new */
  add(position: number): boolean {
    const slot = this.#slotOf(this.#textAt(position));
    if (this.#slots[slot] !== 0) return false;
    this.#slots[slot] = position + 1;
    return true;
  }

  has(text: string): boolean {
    return this.#slots[this.#slotOf(text)] !== 0;
  }

  /** Where an equal text is, or the empty slot that waits for it. */
  #slotOf(text: string): number {
    const mask = this.#slots.length - 1;
    let slot = hashOf(text) & mask;
    for (let held = this.#slots[slot]!; held !== 0 && this.#textAt(held - 1) !== text; held = this.#slots[slot]!) slot = (slot + 1) & mask;
    return slot;
  }
}

/** FNV-1a over code units, with the bits mixed at the end (MurmurHash3's finaliser), as slots are taken by the lowest ones. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
