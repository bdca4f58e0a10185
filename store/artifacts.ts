/**
 * Artifacts in a store. Data objects are written first, under keys that no other attempt can have; the manifest last, and only if
 * there is none yet. While the manifest is missing the artifact does not exist, so a reader never sees half of one, and of two
 * writers exactly one wins. Deleting goes the other way round: manifest first.
 *
 *   <prefix>/<key>/manifest.json
 *   <prefix>/<key>/<attempt>/<name>
 *   <prefix>/<key>/checkpoints/<step>.json
 *   <prefix>/<key>/checkpoints/<step>/<attempt>/<name>
 */
import { randomUUID } from 'node:crypto';
import { type Manifest, STAGES, type StageName, type StoredObject } from '../contracts/artifacts.ts';
import { Failure } from '../contracts/failures.ts';
import { sha256, sha256OfFile } from './digest.ts';
import { checkManifest, manifestDigest, manifestText } from './manifest.ts';
import type { Store } from './store.ts';
import { readStart, readToFile, readVerified } from './verified.ts';

/** What the key of an artifact was made from; `key` is `artifactKey` of it. */
export type ArtifactIdentity = { stage: StageName; key: string; slice: unknown; inputs: string[] };
/** A data object to write: bytes, or a file to stream from. The name is relative, such as `model.safetensors`. */
export type NewObject = { name: string; body: Uint8Array | { file: string }; contentType?: string };
/** `facts` are small results and count for the digest; `made` records what decided the bits and does not. Both are plain JSON. */
export type Description = { facts: Record<string, unknown>; made: Record<string, unknown> };
/** Objects of one attempt, written one by one before `commitReady`. */
export type AttemptUpload = { put(name: string, body: NewObject['body'], contentType?: string): Promise<StoredObject> };
/** A checkpoint that cannot be used, and why. */
export type Rejected = { key: string; reason: string };

export type Artifacts = {
  /** The manifest of a committed artifact, or undefined. @throws Failure 'DataIntegrity' when it is broken */
  find(stage: StageName, key: string): Promise<Manifest | undefined>;
  /** Write objects and commit them. When another writer was first, mine are deleted and theirs are returned. */
  commit(artifact: ArtifactIdentity & Description & { objects: NewObject[] }): Promise<Manifest>;
  /** A fresh place for the objects of one attempt. */
  attemptOf(artifact: { stage: StageName; key: string }): AttemptUpload;
  /** Commit objects that are there already; else as `commit`. */
  commitReady(artifact: ArtifactIdentity & Description & { objects: StoredObject[] }): Promise<Manifest>;
  /** Bytes of an object, checked against size and SHA-256. @throws Failure 'DataIntegrity' when a second reading differs too */
  read(object: StoredObject): Promise<Buffer>;
  /** Its first bytes, for what stands at the beginning of a large one. @throws Failure 'DataIntegrity' when readings do not agree */
  readStart(object: StoredObject, bytes: number): Promise<Buffer>;
  /** The whole of it into a file, which appears complete or not at all. @throws Failure 'DataIntegrity', or 'ScratchFull' */
  readToFile(object: StoredObject, file: string): Promise<void>;
  /** Write and commit a checkpoint of an artifact in the making. When another attempt committed this step first, theirs counts. */
  commitCheckpoint(checkpoint: ArtifactIdentity & Description & { step: number; objects: NewObject[] }): Promise<Manifest>;
  /** Manifests of the checkpoints, newest first, and those that were passed over because they are broken. */
  checkpoints(stage: StageName, key: string): Promise<{ manifests: Manifest[]; rejected: Rejected[] }>;
  /** Delete all but the newest `keep` checkpoints. */
  pruneCheckpoints(stage: StageName, key: string, keep: number): Promise<void>;
  /** Delete an artifact with its checkpoints; a missing one is no mistake. */
  remove(stage: StageName, key: string): Promise<void>;
};

/** Work with the artifacts of a store. @param writer who writes; goes into `made` of every manifest */
export function openArtifacts(store: Store, writer: Record<string, unknown>): Artifacts {
  const describe = ({ facts, made }: Description): Description => ({ facts, made: { ...writer, ...made } });
  const commitReady: Artifacts['commitReady'] = ({ stage, key, slice, inputs, objects, ...description }) =>
    commitManifest(store, manifestKey(stage, key), stage, draft({ stage, key, slice, inputs }, objects, describe(description)));
  return {
    find: (stage, key) => findManifest(store, manifestKey(stage, key), stage, key),
    async commit({ objects, ...artifact }) {
      return commitReady({ ...artifact, objects: await upload(store, attemptFolder(folderOf(artifact)), objects) });
    },
    attemptOf(artifact) {
      const folder = attemptFolder(folderOf(artifact));
      return { put: (name, body, contentType) => uploadOne(store, folder, { name, body, contentType }) };
    },
    commitReady,
    read: (object) => readVerified(store, object),
    readStart: (object, bytes) => readStart(store, object, bytes),
    readToFile: (object, file) => readToFile(store, object, file),
    async commitCheckpoint({ stage, key, slice, inputs, step, objects, ...description }) {
      const place = checkpointPlace(stage, key, step);
      const stored = await upload(store, attemptFolder(place), objects);
      return commitManifest(store, `${place}.json`, stage, draft({ stage, key, slice, inputs }, stored, describe(description)));
    },
    checkpoints: (stage, key) => readCheckpoints(store, stage, key),
    pruneCheckpoints: (stage, key, keep) => prune(store, stage, key, keep),
    async remove(stage, key) {
      await store.remove([manifestKey(stage, key)]);
      const keys = await listed(store, `${folderOf({ stage, key })}/`);
      await store.remove(keys.filter((name) => CHECKPOINT_MANIFEST.test(name)));
      await store.remove(keys);
    },
  };
}

/** An empty key would make `remove` delete a whole stage. */
function folderOf({ stage, key }: { stage: StageName; key: string }): string {
  if (!/^[\w-]+$/.test(key)) throw new Error(`Cannot name an artifact as its key must be letters and digits: "${key}"`);
  return `${STAGES[stage].prefix}/${key}`;
}
const manifestKey = (stage: StageName, key: string) => `${folderOf({ stage, key })}/manifest.json`;
const attemptFolder = (folder: string) => `${folder}/${randomUUID()}`;

const CHECKPOINT = /\/checkpoints\/(\d{10})[./]/;
const CHECKPOINT_MANIFEST = /\/checkpoints\/\d{10}\.json$/;
const stepOf = (key: string) => Number(CHECKPOINT.exec(key)?.[1]);

/** Padded, so that the order of keys is the order of steps. */
function checkpointPlace(stage: StageName, key: string, step: number): string {
  if (!Number.isSafeInteger(step) || step < 0 || step > 9_999_999_999) {
    throw new RangeError(`Cannot commit a checkpoint as its step must be a whole number of at most ten digits: ${step}`);
  }
  return `${folderOf({ stage, key })}/checkpoints/${String(step).padStart(10, '0')}`;
}

function draft({ stage, key, slice, inputs }: ArtifactIdentity, objects: StoredObject[], { facts, made }: Description): Manifest {
  const digest = manifestDigest(objects, facts);
  return { stage, version: STAGES[stage].version, key, slice, inputs, objects, facts, made, digest };
}

async function upload(store: Store, folder: string, objects: NewObject[]): Promise<StoredObject[]> {
  const stored: StoredObject[] = [];
  for (const object of objects) stored.push(await uploadOne(store, folder, object));
  return stored;
}

async function uploadOne(store: Store, folder: string, { name, body, contentType }: NewObject): Promise<StoredObject> {
  if (name === '' || name.split('/').some((part) => part === '' || part === '.' || part === '..')) {
    throw new Error(`Cannot store an object as its name must be a relative path: "${name}"`);
  }
  const measured = body instanceof Uint8Array ? { bytes: body.byteLength, sha256: sha256(body) } : await sha256OfFile(body.file);
  const key = `${folder}/${name}`;
  const written = await store.put(key, body, contentType);
  if (written.bytes !== measured.bytes) {
    throw new Error(`Cannot store "${name}" as it must not change meanwhile: it had ${measured.bytes} bytes, ${written.bytes} were sent`);
  }
  return { name, key, ...measured };
}

async function findManifest(store: Store, at: string, stage: StageName, key: string): Promise<Manifest | undefined> {
  const text = await store.get(at);
  if (text === undefined) return undefined;
  const manifest = checkManifest(text, { stage, key });
  if ('reason' in manifest) {
    throw new Failure(
      'DataIntegrity',
      `Cannot use "${at}" as a manifest must match its digest: ${manifest.reason}; delete it to have the stage run again`,
    );
  }
  return manifest;
}

async function commitManifest(store: Store, at: string, stage: StageName, mine: Manifest): Promise<Manifest> {
  if (await store.putIfAbsent(at, manifestText(mine), 'application/json')) return mine;
  const theirs = await findManifest(store, at, stage, mine.key);
  if (theirs === undefined)
    throw new Failure('StoreUnavailable', `Cannot commit "${at}" as it must stay once written: another attempt wrote and deleted it`);
  // A retry after a lost answer lists the very same objects; those stay.
  const kept = new Set(theirs.objects.map(({ key }) => key));
  await store.remove(mine.objects.map(({ key }) => key).filter((key) => !kept.has(key)));
  return theirs;
}

async function listed(store: Store, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(prefix)) keys.push(key);
  return keys;
}

async function readCheckpoints(store: Store, stage: StageName, key: string): Promise<{ manifests: Manifest[]; rejected: Rejected[] }> {
  const names = (await listed(store, `${folderOf({ stage, key })}/checkpoints/`)).filter((name) => CHECKPOINT_MANIFEST.test(name));
  const manifests: Manifest[] = [];
  const rejected: Rejected[] = [];
  for (const name of names.reverse()) {
    const text = await store.get(name);
    if (text === undefined) continue; // pruned since it was listed
    const manifest = checkManifest(text, { stage, key });
    if ('reason' in manifest) rejected.push({ key: name, reason: manifest.reason });
    else manifests.push(manifest);
  }
  return { manifests, rejected };
}

/** What unfinished attempts left behind at the steps that go is deleted with them. */
async function prune(store: Store, stage: StageName, key: string, keep: number): Promise<void> {
  const keys = await listed(store, `${folderOf({ stage, key })}/checkpoints/`);
  const steps = keys.filter((name) => CHECKPOINT_MANIFEST.test(name)).map(stepOf);
  const oldestKept = keep === 0 ? Number.POSITIVE_INFINITY : (steps.at(-keep) ?? 0);
  const old = keys.filter((name) => stepOf(name) < oldestKept);
  await store.remove(old.filter((name) => CHECKPOINT_MANIFEST.test(name)));
  await store.remove(old.filter((name) => !CHECKPOINT_MANIFEST.test(name)));
}
