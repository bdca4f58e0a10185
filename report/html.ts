/** HTML in which every value is escaped unless it is HTML already. */

/** A piece of finished HTML. */
export class Html {
  constructor(readonly text: string) {}
}

type Value = Html | string | number | undefined | Value[];

/** `html\`<b>${name}</b>\``: values are escaped, arrays are joined, undefined is nothing. */
export function html(parts: TemplateStringsArray, ...values: Value[]): Html {
  return new Html(parts.reduce((text, part, i) => text + part + (i < values.length ? textOf(values[i]) : ''), ''));
}

function textOf(value: Value): string {
  if (value === undefined) return '';
  if (value instanceof Html) return value.text;
  return Array.isArray(value) ? value.map(textOf).join('') : escaped(String(value));
}

/** Safe inside elements and quoted attributes. Control characters, which HTML forbids, become U+FFFD. */
export function escaped(text: string): string {
  return text
    .replace(/[&<>"'`]/g, (character) => `&#${character.charCodeAt(0)};`)
    .replace(/[\0-\x08\x0b\x0c\x0e-\x1f\x7f]/g, '\ufffd')
    .replace(/[\u202a-\u202e\u2066-\u2069]/g, ''); // marks that would turn the text around them
}
