/**
 * A recipe from its file: YAML, then `${NAME}` from the environment, then `--set`, then the schema. Every mistake is reported at
 * once, with its line.
 */
import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { type Document, isMap, isNode, isScalar, isSeq, Lexer, LineCounter, Parser, parse, parseDocument, Scalar, visit } from 'yaml';
import { type ImageSource, Recipe } from '../contracts/recipe.ts';
import { canonicalJson } from '../store/digest.ts';
import { BadInput } from './problem.ts';
import { isMapping, type KeyPath, keysAt, mistakesIn } from './recipe-mistakes.ts';

const LARGEST_RECIPE = 100_000; // bytes: a page of text, not a data set
const DEEPEST = 50; // sections inside sections: a recipe has four
const MOST_TOKENS = 20_000;
const MISTAKES_SHOWN = 100;
const ALIASES = 100; // `*name` in the YAML: more than that is a bomb

type Variables = Record<string, string | undefined>;

/**
 * Read, fill in and check a recipe.
 * @param sets  `a.b=c` from the command line, applied after the file; values are YAML
 * @returns the normalised recipe: every default filled in, paths absolute
 * @throws BadInput with every mistake, each as `key must …: got … (recipe.yaml:12)`
 */
export async function readRecipe(file: string, variables: Variables, sets: string[] = []): Promise<Recipe> {
  return (await readPlaced(file, variables, sets)).recipe;
}

/** Says where a key was given, for messages: `(recipe.yaml:12)`, or `(--set)`. */
export type PlaceOf = (path: KeyPath) => string;

/** As `readRecipe`, for what is found out of the recipe later on. */
export async function readPlaced(file: string, variables: Variables, sets: string[] = []): Promise<{ recipe: Recipe; placeOf: PlaceOf }> {
  const text = await readText(file);
  const tooMuch = excessOf(text);
  if (tooMuch) throw new BadInput(`a recipe has ${tooMuch.rule} (${basename(file)}:${tooMuch.line})`);
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true });
  const where = (offset: number | undefined) =>
    offset === undefined ? `(${basename(file)})` : `(${basename(file)}:${lines.linePos(offset).line})`;
  if (document.errors.length > 0) {
    const firstOfLine = new Map(document.errors.toReversed().map((error) => [lines.linePos(error.pos[0]).line, error])); // the rest of a line is noise
    throw new BadInput(
      [...firstOfLine.values()]
        .toReversed()
        .map(({ code, message, pos }) => `${IN_PLAIN_WORDS[code] ?? yamlMessage(message, text, pos[0])} ${where(pos[0])}`),
    );
  }

  const missing = substitute(document, variables).map(
    ({ name, offset }) => `\${${name}} is not set in the environment: set it or write \${${name}:-default} ${where(offset)}`,
  );
  const data = dataOf(document, file);
  const given = applySets(data, sets);
  const isGiven = (path: KeyPath) => path.some((_, i) => given.has(path.slice(0, i + 1).join('.'))); // itself, or what it lies in
  const placeOf: PlaceOf = (path) => (isGiven(path) ? '(--set)' : where(offsetOf(document, path)));
  const found = mistakesIn(data);
  const mistakes = found.slice(0, MISTAKES_SHOWN).map((mistake) => ({ mistake, text: `${mistake.message} ${placeOf(mistake.path)}` }));
  const all = [
    ...missing,
    ...mistakes
      .sort((a, b) => (offsetOf(document, a.mistake.path) ?? 0) - (offsetOf(document, b.mistake.path) ?? 0))
      .map(({ text }) => text),
    ...(found.length > MISTAKES_SHOWN ? [`and ${found.length - MISTAKES_SHOWN} more mistakes (${basename(file)})`] : []),
  ];
  if (all.length > 0) throw new BadInput(all);
  return { recipe: withAbsolutePaths(Recipe.parse(data), dirname(resolve(file))), placeOf };
}

/** Run id = workflow id: the name and eight hex digits over everything the recipe says. */
export function runId(recipe: Recipe): string {
  return `${recipe.name}-${createHash('sha256').update(canonicalJson(recipe)).digest('hex').slice(0, 8)}`;
}

async function readText(file: string): Promise<string> {
  const info = await stat(file).catch(() => undefined);
  if (!info) throw new BadInput(`Cannot read recipe "${file}" as a recipe is a YAML file: there is no such file`);
  if (!info.isFile())
    throw new BadInput(
      `Cannot read recipe "${file}" as a recipe is a YAML file: this is a folder. To write one for a folder of images: npx fewlabels init ${file}`,
    );
  if (info.size > LARGEST_RECIPE)
    throw new BadInput(`Cannot read recipe "${file}" as a recipe has at most ${LARGEST_RECIPE} bytes: it has ${info.size}`);
  const text = await readFile(file, 'utf8').catch((error: Error) => {
    throw new BadInput(`Cannot read recipe "${file}" as the file must be readable: ${error.message}`);
  });
  if (/[\0\ufffd]/.test(text)) throw new BadInput(`Cannot read recipe "${file}" as a recipe is a YAML file: this one is no text in UTF-8`);
  return text;
}

/**
 * Where YAML is more than any recipe, told before it is parsed: the parser calls itself at every level, and compares every key with every
 * other. Its reader of tokens does neither.
 */
function excessOf(text: string): { rule: string; line: number } | undefined {
  const parser = new Parser();
  let tokens = 0;
  for (const token of new Lexer().lex(text)) {
    Array.from(parser.next(token));
    const rule =
      parser.stack.length > DEEPEST
        ? `at most ${DEEPEST} sections inside each other`
        : ++tokens > MOST_TOKENS
          ? `at most ${MOST_TOKENS} words and signs`
          : undefined;
    if (rule) return { rule, line: text.slice(0, parser.offset).split('\n').length };
  }
  return undefined;
}

/** Of the parser's messages, those that speak to programmers. */
const IN_PLAIN_WORDS: Record<string, string> = {
  MULTIPLE_DOCS: 'a recipe is one document: a line of --- begins a second one',
};

/** First line of the parser's message; `${…}` in braces without quotes is the one everybody meets. */
function yamlMessage(message: string, text: string, offset: number): string {
  const line = text.slice(text.lastIndexOf('\n', offset - 1) + 1).split('\n')[0] ?? '';
  const hint = line.includes('${') ? '. A value with ${…} inside { } or [ ] needs quotes' : '';
  return `${(message.split('\n')[0] ?? message).replace(/ at line \d+, column \d+:?$/, '')}${hint}`;
}

/** Put the environment's values into every text, in place. @returns the names that are not set */
function substitute(document: Document, variables: Variables): { name: string; offset?: number }[] {
  const missing: { name: string; offset?: number }[] = [];
  visit(document, {
    Scalar(_key, node) {
      if (typeof node.value !== 'string' || !node.value.includes('${')) return;
      const filled = node.value.replace(/\$\{([A-Za-z_]\w*)(?::-([^}]*))?\}/g, (_all, name: string, fallback?: string) => {
        const value = variables[name] || fallback;
        if (value === undefined) missing.push({ name, offset: node.range?.[0] });
        return value ?? '';
      });
      node.value = node.type === Scalar.PLAIN ? plain(filled) : filled;
    },
  });
  return missing;
}

const LONGEST_NUMBER = 40; // characters

/** An unquoted value means what it would mean written out: `${EPOCHS:-5}` is a number. */
function plain(text: string): unknown {
  if (text.length > LONGEST_NUMBER) return text;
  const { contents } = parseDocument(text, { logLevel: 'silent' });
  const value = isScalar(contents) ? contents.value : text;
  return typeof value === 'number' || typeof value === 'boolean' ? value : text;
}

function dataOf(document: Document, file: string): Record<string, unknown> {
  let data: unknown;
  try {
    data = document.toJS({ maxAliasCount: ALIASES });
  } catch (error) {
    throw new BadInput(
      `Cannot read recipe "${file}" as it may use at most ${ALIASES} aliases, each after its anchor: ${(error as Error).message}`,
    );
  }
  if (!isMapping(data))
    throw new BadInput(
      `the recipe must be a mapping (key: value), starting with name and images: got ${data === null ? 'an empty file' : Array.isArray(data) ? 'a list' : `only ${JSON.stringify(data)?.slice(0, 40)}`} (${basename(file)})`,
    );
  for (const section of keysAt([])) if (data[section] === null) delete data[section]; // a section whose keys are all commented out
  return data;
}

/** Apply `--set`, in place. @returns the paths that were set */
function applySets(data: Record<string, unknown>, sets: string[]): Set<string> {
  const paths = sets.map((text) => {
    const [, path = '', value = ''] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
    const keys = path.trim().split('.');
    if (!path || keys.some((key) => key === '' || key === '__proto__')) throw new BadInput(`--set takes section.key=value: got "${text}"`);
    setAt(data, keys, parsedValue(value, text));
    return keys.join('.');
  });
  return new Set(paths);
}

/** @param whole  the option as it was written, for the message */
function parsedValue(value: string, whole: string): unknown {
  const tooMuch = excessOf(value);
  if (tooMuch) throw new BadInput(`--set takes section.key=value with a value of ${tooMuch.rule}: got "${whole.slice(0, 60)}…"`);
  try {
    return parse(value);
  } catch (error) {
    throw new BadInput(
      `--set takes section.key=value with a value in YAML: got "${whole}" (${yamlMessage((error as Error).message, '', 0)})`,
    );
  }
}

function setAt(data: Record<string, unknown>, [key = '', ...rest]: string[], value: unknown): void {
  if (rest.length === 0) data[key] = value;
  else {
    const child = Object.hasOwn(data, key) ? data[key] : undefined;
    const inner = isMapping(child) || Array.isArray(child) ? (child as Record<string, unknown>) : {};
    data[key] = inner;
    setAt(inner, rest, value);
  }
}

/** Where a key stands in the text: the key itself, or the nearest section around it that is there. */
function offsetOf(document: Document, path: KeyPath): number | undefined {
  let node: unknown = document.contents;
  let offset: number | undefined;
  for (const key of path) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(key));
      if (!pair) return offset;
      offset = isNode(pair.key) ? (pair.key.range?.[0] ?? offset) : offset;
      node = pair.value;
    } else if (isSeq(node)) {
      node = node.items[Number(key)];
      offset = isNode(node) ? (node.range?.[0] ?? offset) : offset;
    } else return offset;
  }
  return offset;
}

/** Paths are relative to the recipe's folder; `s3://` and generated images are no paths of this machine. */
function withAbsolutePaths(recipe: Recipe, folder: string): Recipe {
  const path = (text: string) =>
    /^s3:\/\//.test(text) ? text : resolve(folder, text.startsWith('~/') ? join(homedir(), text.slice(2)) : text);
  const source = (entry: ImageSource): ImageSource => {
    if (typeof entry === 'string') return path(entry);
    if ('generated' in entry) return entry;
    return { ...entry, folder: path(entry.folder), ...(entry.labels ? { labels: path(entry.labels) } : {}) };
  };
  const { train, test, unlabelled, ...rest } = recipe.images;
  const { start } = recipe.pretrain;
  const { file } = recipe.labels;
  return {
    ...recipe,
    pretrain: { ...recipe.pretrain, ...(start ? { start: path(start) } : {}) },
    ...(file ? { labels: { ...recipe.labels, file: Array.isArray(file) ? file.map(path) : path(file) } } : {}),
    images: { ...rest, train: source(train), ...(test ? { test: source(test) } : {}), unlabelled: unlabelled.map(source) },
  };
}
