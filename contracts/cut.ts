/** Texts that must fit. */

/** The beginning of a text that has at most `bytes` in UTF-8, whole characters only. */
export function cutTo(text: string, bytes: number): string {
  let [kept, used] = ['', 0];
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    used += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    if (used > bytes) return kept;
    kept += character;
  }
  return kept;
}
