/** Zod's issues as sentences in the recipe's words: `pretrain.temperature must be > 0: got -0.1`. */
import { z } from 'zod';
import { Recipe } from '../contracts/recipe.ts';
import { nearest } from './nearest.ts';

export type KeyPath = (string | number)[];
export type Mistake = { path: KeyPath; message: string };
type Issue = z.core.$ZodIssue;

const KEYS_SHOWN = 20;

/** Every rule that `data` breaks, each once, without the file and line. */
export function mistakesIn(data: unknown): Mistake[] {
  const parsed = Recipe.safeParse(data);
  if (parsed.success) return [];
  const first = parsed.error.issues.filter((issue) => !comparedIn(issue)).flatMap((issue) => mistakesOf(issue, data));
  return [...first, ...betweenSections(data, first)];
}

/**
 * Zod may not look at rules between keys while one is wrong by itself, or looks at the wrong one too. So the broken keys are taken out and
 * the rest is read again; a rule that compares a broken key is left alone, as a default now stands where the person wrote a value.
 */
function betweenSections(data: unknown, found: Mistake[]): Mistake[] {
  if (!isMapping(data) || found.some(({ path }) => path.length === 0)) return [];
  const rest: unknown = structuredClone(data);
  for (const { path } of found) remove(rest, path.slice(0, 2));
  const sections = isMapping(rest) ? rest : {};
  const images = isMapping(sections.images) ? sections.images : {};
  const filled: Record<string, unknown> = { name: 'x', ...sections, images: { ...images, train: 'x' } };
  const again = Recipe.safeParse(filled);
  if (again.success) return [];
  const broken = new Set(found.map(({ path }) => path.slice(0, 2).join('.'))); // a key, or a whole section
  return again.error.issues.filter((issue) => isSound(issue, broken)).flatMap((issue) => mistakesOf(issue, filled));
}

/** The keys that a rule between keys compares; nothing for a rule of one key. */
function comparedIn(issue: Issue): string[] | undefined {
  return issue.code === 'custom' ? issue.params?.between : undefined;
}

/** A rule between keys, none of which is broken, nor their section. */
function isSound(issue: Issue, broken: Set<string>): boolean {
  return comparedIn(issue)?.every((key) => !broken.has(key) && !broken.has(key.split('.')[0] ?? '')) ?? false;
}

function mistakesOf(issue: Issue, data: unknown): Mistake[] {
  const path = issue.path as KeyPath;
  if (issue.code === 'unrecognized_keys') {
    const shown = issue.keys.slice(0, KEYS_SHOWN).map((key) => ({ path: [...path, key], message: unknownKey(path, key) }));
    const more = issue.keys.length - KEYS_SHOWN;
    return more > 0 ? [...shown, { path, message: `${nameOf(path)} has ${more} more that are no keys of a recipe` }] : shown;
  }
  const value = valueAt(data, path);
  if (issue.code === 'invalid_union') {
    const branch = nearestBranch(issue.errors);
    if (branch) return branch.flatMap((inner) => mistakesOf({ ...inner, path: [...issue.path, ...inner.path] } as Issue, data));
  }
  const name = nameOf(path);
  if (value === undefined && issue.code !== 'custom') return [{ path, message: `${name} is missing: it ${rule(issue)}` }];
  if (issue.code === 'custom') return [{ path, message: `${name} ${issue.message}` }];
  return [{ path, message: `${name} ${rule(issue)}: got ${show(value)}` }];
}

/** The one form of a union that the value nearly has: of the right type, with the fewest mistakes inside. */
function nearestBranch(branches: Issue[][]): Issue[] | undefined {
  const near = branches.filter((issues) =>
    issues.every(({ path, code }) => path.length > 0 || !['invalid_type', 'invalid_value'].includes(code)),
  );
  return near.sort((a, b) => a.length - b.length)[0];
}

/** "must be …" for one issue. */
function rule(issue: Issue): string {
  switch (issue.code) {
    case 'too_small':
      return `must ${bound(issue.origin, issue.inclusive === false ? '>' : '≥', issue.minimum)}`;
    case 'too_big':
      return `must ${bound(issue.origin, issue.inclusive === false ? '<' : '≤', issue.maximum)}`;
    case 'invalid_type':
      return `must be ${TYPES[issue.expected] ?? issue.expected}`;
    case 'invalid_value':
      return `must be ${issue.values.map(String).join(' or ')}`;
    case 'invalid_union':
      return `must be ${[...new Set(issue.errors.flat().map((inner) => rule(inner).replace(/^must be /, '')))].join(' or ')}`;
    default:
      return issue.message;
  }
}

const TYPES: Record<string, string> = {
  object: 'a mapping (key: value)',
  int: 'a whole number',
  number: 'a number',
  string: 'a text',
  array: 'a list',
  tuple: 'a list',
  boolean: 'true or false',
};

function bound(origin: string, sign: string, limit: number | bigint): string {
  if (origin === 'array') return `have ${sign} ${limit} entries`;
  if (origin === 'string') return `have ${sign} ${limit} characters`;
  return `be ${sign} ${limit}`;
}

function unknownKey(path: KeyPath, key: string): string {
  const known = keysAt(path);
  const near = nearest(key, known);
  if (near) return `${nameOf([...path, key])} is no key of a recipe: did you mean ${nameOf([...path, near])}?`;
  const elsewhere = Object.keys(Recipe.shape).filter((section) => keysAt([section]).includes(key));
  if (elsewhere.length > 0)
    return `${nameOf([...path, key])} is no key of a recipe: did you mean ${elsewhere.map((section) => `${section}.${key}`).join(' or ')}?`;
  return `${nameOf([...path, key])} is no key of a recipe: known here are ${known.join(', ')}`;
}

/** The keys that the schema knows at a path. */
export function keysAt(path: KeyPath): string[] {
  let schemas: z.core.$ZodType[] = [Recipe];
  for (const key of path) {
    schemas = schemas.flatMap(forms).flatMap((schema) => {
      if (schema instanceof z.ZodArray) return [schema.element];
      return schema instanceof z.ZodObject ? [(schema.shape as Record<string, z.core.$ZodType>)[String(key)] ?? z.never()] : [];
    });
  }
  return [...new Set(schemas.flatMap(forms).flatMap((schema) => (schema instanceof z.ZodObject ? Object.keys(schema.shape) : [])))];
}

/** A schema without its defaults, or the forms of a union. */
function forms(schema: z.core.$ZodType): z.core.$ZodType[] {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault || schema instanceof z.ZodOptional)
    return forms(schema.def.innerType);
  return schema instanceof z.ZodUnion ? schema.options.flatMap(forms) : [schema];
}

/** `labels.fractions[1]`, counted from zero as in the file's path. */
export function nameOf(path: KeyPath): string {
  return (
    path.reduce<string>((name, key) => (typeof key === 'number' ? `${name}[${key}]` : name ? `${name}.${key}` : key), '') || 'the recipe'
  );
}

export function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function valueAt(data: unknown, path: KeyPath): unknown {
  return path.reduce<unknown>(
    (value, key) => (typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[String(key)] : undefined),
    data,
  );
}

function remove(data: unknown, path: KeyPath): void {
  const parent = valueAt(data, path.slice(0, -1));
  const last = path.at(-1);
  if (isMapping(parent) && last !== undefined) delete parent[String(last)];
}

function show(value: unknown): string {
  const text = typeof value === 'string' ? `"${value}"` : (asJson(value) ?? 'nothing');
  return value === null ? 'nothing' : text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

/** An alias may stand inside what it names, and then there is no end. */
function asJson(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return 'something that contains itself';
  }
}
