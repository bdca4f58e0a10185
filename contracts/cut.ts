/** Texts that must fit. */

/** The beginning of a text that has at most `bytes` of UTF-8 as JSON without its quotation marks, whole characters only. */
export function cutTo(text: string, bytes: number): string {
  const encoder = new TextEncoder();
  let [kept, used] = ['', 0];
  for (const character of text) {
    used += encoder.encode(JSON.stringify(character)).length - 2;
    if (used > bytes) return kept;
    kept += character;
  }
  return kept;
}
