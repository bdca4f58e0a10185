/**
 * Artifacts in a store. Data objects are written first, under keys that no other attempt can have; the manifest last, and only if
 * there is none yet that can be used. While the manifest is missing the artifact does not exist, so a reader never sees half of one, and
 * of two writers exactly one wins. Deleting goes the other way round: manifest first.
 */
import { type Manifest, type Retention, STAGES, type StageName, type StoredObject } from '../contracts/artifacts.ts';
import { pruneCheckpoints, type Rejected, readCheckpoints } from './checkpoints.ts';
import { commitManifest, findManifest, findWhole, setAside } from './committing.ts';
import { sha256, sha256OfFile } from './digest.ts';
import { interruptible } from './interruptible.ts';
import { attemptFolder, checkpointPlace, folderOf, isCheckpointManifest, manifestKey } from './keys.ts';
import { manifestDigest } from './manifest.ts';
import { listed, type Store } from './store.ts';
import { readStart, readToFile, readVerified } from './verified.ts';

/** What the key of an artifact was made from; `key` is `artifactKey` of it. */
export type ArtifactIdentity = { stage: StageName; key: string; slice: unknown; inputs: string[] };
/** A data object to write: bytes, or a file to stream from. The name is relative, such as `model.safetensors`. */
export type NewObject = { name: string; body: Uint8Array | { file: string }; contentType?: string };
/** `facts` are small results and count for the digest; `made` records what decided the bits and does not. Both are plain JSON. */
export type Description = { facts: Record<string, unknown>; made: Record<string, unknown> };
/** Objects of one attempt, written one by one before `commitReady`. */
export type AttemptUpload = { put(name: string, body: NewObject['body'], contentType?: string): Promise<StoredObject> };
export type Artifacts = {
  /** The same, for work that may be told to stop: every wait for the store ends at once with the signal's reason when it is aborted. */
  until(signal: AbortSignal): Artifacts;
  /** The manifest of a committed artifact, or undefined. @throws Failure 'DataIntegrity' when it is broken */
  find(stage: StageName, key: string): Promise<Manifest | undefined>;
  /**
   * The same for whoever would make it: one with an object gone, or of another size, counts as not there. A record of it stays. The
   * bytes themselves are checked by those who read them.
   */
  findWhole(stage: StageName, key: string): Promise<Manifest | undefined>;
  /** Write objects and commit them. When another writer was first, and theirs are all there, mine are deleted and theirs returned. */
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
  /** Write and commit a checkpoint of an artifact in the making. When another attempt committed this step first, and it is whole, theirs counts. */
  commitCheckpoint(checkpoint: ArtifactIdentity & Description & { step: number; objects: NewObject[] }): Promise<Manifest>;
  /** Manifests of the checkpoints, newest first, and those that are broken. */
  checkpoints(stage: StageName, key: string): Promise<{ manifests: Manifest[]; rejected: Rejected[] }>;
  /** Make place for another checkpoint at a step whose own cannot be used. A record of it stays; a missing one is no mistake. */
  discardCheckpoint(stage: StageName, key: string, step: number, reason: string): Promise<void>;
  /** Delete all checkpoints but those that `retention` wants. */
  pruneCheckpoints(stage: StageName, key: string, retention: Retention): Promise<void>;
  /** Delete an artifact with its checkpoints; a missing one is no mistake. */
  remove(stage: StageName, key: string): Promise<void>;
};

/** Work with the artifacts of a store. @param writer who writes; goes into `made` of every manifest */
export function openArtifacts(store: Store, writer: Record<string, unknown>): Artifacts {
  const describe = ({ facts, made }: Description): Description => ({ facts, made: { ...writer, ...made } });
  const commitReady: Artifacts['commitReady'] = ({ stage, key, slice, inputs, objects, ...description }) =>
    commitManifest(store, manifestKey(stage, key), draft({ stage, key, slice, inputs }, objects, describe(description)));
  return {
    until: (signal) => openArtifacts(interruptible(store, signal), writer),
    find: (stage, key) => findManifest(store, manifestKey(stage, key), { stage, key }),
    findWhole: (stage, key) => findWhole(store, manifestKey(stage, key), { stage, key }),
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
      return commitManifest(store, `${place}.json`, draft({ stage, key, slice, inputs }, stored, describe(description)));
    },
    checkpoints: (stage, key) => readCheckpoints(store, stage, key),
    discardCheckpoint: (stage, key, step, reason) => setAside(store, `${checkpointPlace(stage, key, step)}.json`, reason),
    pruneCheckpoints: (stage, key, retention) => pruneCheckpoints(store, stage, key, retention),
    async remove(stage, key) {
      await store.remove([manifestKey(stage, key)]);
      const keys = await listed(store, `${folderOf({ stage, key })}/`);
      await store.remove(keys.filter(isCheckpointManifest));
      await store.remove(keys);
    },
  };
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
