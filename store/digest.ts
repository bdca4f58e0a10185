/** Digests, and the key of an artifact: what it is made from decides its name. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';

/** SHA-256 of bytes or of a text (UTF-8): 64 hex digits. */
export function sha256(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** SHA-256 and size of a file, read as a stream. @throws Error of node:fs */
export async function sha256OfFile(file: string): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of createReadStream(file, { highWaterMark: 1024 * 1024 })) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { bytes, sha256: hash.digest('hex') };
}

/**
 * JSON with sorted keys and no white space: equal values give equal text. As in JSON, a key whose value is undefined is left out.
 * @throws TypeError for what JSON would bend: NaN, infinities, undefined in a list, functions, and objects that are not plain
 */
export function canonicalJson(value: unknown): string {
  return render(value, '$');
}

function render(value: unknown, path: string): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'number' && Number.isFinite(value)) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${Array.from(value, (item, i) => render(item, `${path}[${i}]`)).join(',')}]`;
  if (isPlain(value)) {
    const fields = Object.entries(value).filter(([, field]) => field !== undefined);
    fields.sort(([a], [b]) => (a < b ? -1 : 1)); // by code unit, the same in every locale
    return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${render(field, `${path}.${name}`)}`).join(',')}}`;
  }
  const found = typeof value === 'object' ? `a ${value.constructor?.name ?? 'special object'}` : String(value);
  throw new TypeError(`Cannot write canonical JSON as values must be plain JSON: ${path} is ${found}`);
}

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** What an artifact is made from: the stage and its code version, its part of the recipe, and the digests of its inputs. */
export type Origin = { stage: string; version: number; slice: unknown; inputs: string[] };

/** Key of an artifact: SHA-256 of its origin, first 32 hex digits. The order of the inputs counts. */
export function artifactKey({ stage, version, slice, inputs }: Origin): string {
  return sha256(canonicalJson({ stage, version, slice, inputs })).slice(0, 32);
}
