/** The manifest of an artifact: its digest, its text, and whether a stored one can be trusted. */
import { Manifest, type StoredObject } from '../contracts/artifacts.ts';
import { canonicalJson, sha256 } from './digest.ts';

/**
 * SHA-256 over the objects (name, size, digest; in order of name) and the facts. Where the bytes lie and who made them does not
 * count, so two attempts with the same results have the same digest.
 */
export function manifestDigest(objects: StoredObject[], facts: Record<string, unknown>): string {
  const listed = objects.map(({ name, bytes, sha256 }) => ({ name, bytes, sha256 }));
  listed.sort((a, b) => (a.name < b.name ? -1 : 1));
  return sha256(canonicalJson({ objects: listed, facts }));
}

/** The bytes to store. @throws Error when two objects share a name */
export function manifestText(manifest: Manifest): Buffer {
  const names = manifest.objects.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined)
    throw new Error(`Cannot commit ${manifest.stage} ${manifest.key} as its objects must have different names: "${twice}" stands twice`);
  return Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`);
}

/** A stored manifest, or the reason why it cannot be used. */
export function checkManifest(text: Buffer, expected: { stage: string; key: string }): Manifest | { reason: string } {
  const parsed = parse(text);
  if (!parsed.success) return { reason: 'it is no complete manifest' };
  const manifest = parsed.data;
  if (manifest.stage !== expected.stage || manifest.key !== expected.key)
    return { reason: `it belongs to ${manifest.stage} ${manifest.key}` };
  const digest = manifestDigest(manifest.objects, manifest.facts);
  return digest === manifest.digest
    ? manifest
    : { reason: `its digest is ${digest.slice(0, 12)}…, it says ${manifest.digest.slice(0, 12)}…` };
}

function parse(text: Buffer) {
  try {
    return Manifest.safeParse(JSON.parse(text.toString()));
  } catch {
    return { success: false as const };
  }
}
