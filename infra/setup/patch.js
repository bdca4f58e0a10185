/** A unified diff applied in JavaScript, strictly: every line of context must be where the diff says. No `patch` program needed. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Apply a diff with `a/` and `b/` prefixes to the files below `folder`.
 * @throws Error when a file is not the one the diff was made for
 */
export async function applyPatch(folder, diff) {
  for (const section of diff.split(/^--- a\//m).slice(1)) {
    const [header, , ...lines] = section.split('\n');
    const file = join(folder, header.trim());
    const text = await readFile(file, 'utf8');
    await writeFile(file, patched(text.split('\n'), lines, header.trim()).join('\n'));
  }
}

function patched(before, lines, name) {
  const after = [];
  let at = 0; // lines of `before` already used
  for (const line of lines) {
    const hunk = /^@@ -(\d+)/.exec(line);
    const kind = line[0];
    if (hunk) {
      after.push(...before.slice(at, Number(hunk[1]) - 1));
      at = Number(hunk[1]) - 1;
    } else if (kind === '+') {
      after.push(line.slice(1));
    } else if (kind === ' ' || kind === '-') {
      if (before[at] !== line.slice(1)) {
        throw new Error(`Cannot patch "${name}" as line ${at + 1} must be "${line.slice(1)}": it is "${before[at]}"`);
      }
      at += 1;
      if (kind === ' ') after.push(line.slice(1));
    }
  }
  return [...after, ...before.slice(at)];
}
