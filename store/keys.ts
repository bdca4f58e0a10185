/**
 * Where the parts of an artifact lie in the bucket:
 *
 *   <prefix>/<key>/manifest.json
 *   <prefix>/<key>/<attempt>/<name>
 *   <prefix>/<key>/checkpoints/<step>.json
 *   <prefix>/<key>/checkpoints/<step>/<attempt>/<name>
 *
 * and beside a manifest that could not be used, in its place, `manifest.rejected-<uuid>.json` or `<step>.rejected-<uuid>.json`.
 */
import { randomUUID } from 'node:crypto';
import { STAGES, type StageName } from '../contracts/artifacts.ts';

const STAGE_NAMES = Object.keys(STAGES) as StageName[];

/** @throws Error when the key is no name: an empty one would make a removal delete a whole stage */
export function folderOf({ stage, key }: { stage: StageName; key: string }): string {
  if (!/^[\w-]+$/.test(key)) throw new Error(`Cannot name an artifact as its key must be letters and digits: "${key}"`);
  return `${STAGES[stage].prefix}/${key}`;
}

export const manifestKey = (stage: StageName, key: string): string => `${folderOf({ stage, key })}/manifest.json`;
/** A fresh place, which no other attempt can have. */
export const attemptFolder = (folder: string): string => `${folder}/${randomUUID()}`;
export const checkpointsOf = (stage: StageName, key: string): string => `${folderOf({ stage, key })}/checkpoints/`;
/** The record of a manifest that could not be used. */
export const recordKey = (manifest: string): string => manifest.replace(/\.json$/, `.rejected-${randomUUID()}.json`);

/** Which artifact an object belongs to, and its place in there; undefined for what is none of ours. */
export function partOf(object: string): { stage: StageName; key: string; path: string } | undefined {
  const [, prefix, key, path] = /^(.+?)\/([0-9a-f]{32})\/(.+)$/.exec(object) ?? [];
  const stage = STAGE_NAMES.find((name) => STAGES[name].prefix === prefix);
  return stage && key && path ? { stage, key, path } : undefined;
}

/** Padded, so that the order of keys is the order of steps. @throws RangeError when the step is no whole number of ten digits */
export function checkpointPlace(stage: StageName, key: string, step: number): string {
  if (!Number.isSafeInteger(step) || step < 0 || step > 9_999_999_999) {
    throw new RangeError(`Cannot commit a checkpoint as its step must be a whole number of at most ten digits: ${step}`);
  }
  return `${checkpointsOf(stage, key)}${String(step).padStart(10, '0')}`;
}

export const isCheckpointManifest = (key: string): boolean => /\/checkpoints\/\d{10}\.json$/.test(key);
/** Step of anything that belongs to a checkpoint; NaN for other keys. */
export const stepOf = (key: string): number => Number(/\/checkpoints\/(\d{10})[./]/.exec(key)?.[1]);
export const isRecord = (key: string): boolean => /\.rejected-[0-9a-f-]{36}\.json$/.test(key);
