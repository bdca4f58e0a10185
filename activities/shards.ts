/** images → shards: survey the sources, decode shard by shard, seal the sets. */
import { setImmediate as turn } from 'node:timers/promises';
import type { ImagesRef, Manifest, SetAside, ShardSetRef, StoredObject } from '../contracts/artifacts.ts';
import { Failure } from '../contracts/failures.ts';
import type { SealInput, SealResult, ShardInput, ShardResult, SurveyInput, SurveyResult } from '../contracts/stages.ts';
import type { OpenTree } from '../learning/images/file-tree.ts';
import { planShards } from '../learning/images/plan.ts';
import { decodeChunk, decodeHeader, encodeChunk, encodeHeader, type PlanHeader, type ShardPlan } from '../learning/images/plan-format.ts';
import { readShard, writeShard } from '../learning/images/shards.ts';
import { encodeSafetensors } from '../learning/safetensors.ts';
import type { Artifacts } from '../store/artifacts.ts';
import { sha256 } from '../store/digest.ts';
import { attempt } from './attempt.ts';
import { planOf, sealedOf, setOf, shardOf } from './identity.ts';
import { LABELS_FILE, labelsOfShards, objectNamed, shardName } from './shardset.ts';
import { treesUntil } from './trees.ts';

export type ImageTrees = OpenTree;
const SHARD_FILE = 'shard.safetensors';
const HEADER_FILE = 'plan.json';
/** Examples of unreadable images kept for the report. */
const ASIDE_EXAMPLES = 20;

type PlanFacts = { setAsideLimit: number };
type ShardFacts = { images: number; labelled: number; setAside: SetAside };

export function surveyActivities(stored: Artifacts, openTree: ImageTrees) {
  return {
    async survey({ images, seed }: SurveyInput): Promise<SurveyResult> {
      return attempt(async ({ check, signal, number, run }) => {
        const artifacts = stored.until(signal);
        const plan = await planShards({ images, seed, openTree: treesUntil(signal, openTree) });
        const identity = planOf(images, await digestOf(plan, check));
        const sealed = await findSealed(artifacts, identity.key);
        const shards = plan.header.pool.shards + plan.header.test.shards;
        if (sealed) return { plan: identity.key, shards, images: sealed };
        if (!(await artifacts.findWhole('plan', identity.key))) {
          const { put } = artifacts.attemptOf(identity);
          const objects: StoredObject[] = [];
          for (const { name, text } of filesOf(plan)) objects.push(await put(name, Buffer.from(text), 'application/json'));
          const facts: PlanFacts = { setAsideLimit: images.setAsideLimit };
          await artifacts.commitReady({ ...identity, objects, facts, made: { attempt: number, run } });
        }
        return { plan: identity.key, shards };
      });
    },

    async seal({ plan }: SealInput): Promise<SealResult> {
      return attempt(async ({ signal, number, run }) => {
        const artifacts = stored.until(signal);
        const { header, manifest } = await openPlan(artifacts, plan);
        const shards = await readShardManifests(artifacts, header);
        const setAside = sumAside(shards);
        refuseTooMany(setAside, header, (manifest.facts as PlanFacts).setAsideLimit);
        const pool = await sealSet(artifacts, header, shards.slice(0, header.pool.shards), { attempt: number, run });
        const test = await sealSet(artifacts, header, shards.slice(header.pool.shards), { attempt: number, run });
        const images: ImagesRef = { pool, test, classes: header.classes, size: header.size, setAside };
        await artifacts.commit({ ...sealedOf(plan), objects: [], facts: images, made: { attempt: number, run } });
        return images;
      });
    },
  };
}

export function shardActivities(stored: Artifacts, openTree: ImageTrees) {
  return {
    async shard({ plan, shard: first, to = first + 1 }: ShardInput): Promise<ShardResult> {
      return attempt(async ({ progress, check, signal, number, run }) => {
        const artifacts = stored.until(signal);
        const { header, manifest } = await openPlan(artifacts, plan);
        const written: ShardResult = { images: 0, setAside: 0 };
        for (let shard = first; shard < to; shard++) {
          check();
          const before = written.images + written.setAside;
          const onProgress = (done: number, total: number) =>
            progress({ stage: 'shards', done: before + done, total: before + total * (to - shard), unit: 'images' });
          const { images, setAside } = await write(shard, onProgress);
          written.images += images;
          written.setAside += setAside;
        }
        return written;

        async function write(shard: number, onProgress: (done: number, total: number) => void): Promise<ShardResult> {
          const identity = shardOf(header.size, header.fingerprint, shard);
          const found = await artifacts.findWhole('shards', identity.key);
          if (found) return resultOf(found);

          const chunk = decodeChunk((await artifacts.read(objectNamed(manifest, chunkFile(shard)))).toString());
          const { bytes, images, setAside } = await writeShard(chunk, header.size, treesUntil(signal, openTree), { onProgress, signal });
          const facts: ShardFacts = {
            images,
            labelled: readShard(bytes).labels.filter((label) => label >= 0).length,
            setAside: { count: setAside.length, examples: setAside.slice(0, ASIDE_EXAMPLES) },
          };
          return resultOf(
            await artifacts.commit({ ...identity, objects: [{ name: SHARD_FILE, body: bytes }], facts, made: { attempt: number, run } }),
          );
        }
      });
    },
  };
}

/** The sets of a plan that were sealed, when all their shards are there. */
async function findSealed(artifacts: Artifacts, plan: string): Promise<ImagesRef | undefined> {
  const images = (await artifacts.find('set', sealedOf(plan).key))?.facts as ImagesRef | undefined;
  const sets = images ? [images.pool, images.test] : [];
  const found = await Promise.all(sets.map(({ key }) => artifacts.findWhole('set', key)));
  return found.every((set) => set !== undefined) ? images : undefined;
}

const chunkFile = (shard: number) => `shard-${String(shard).padStart(5, '0')}.json`;

/** The files of a plan, one at a time. */
function* filesOf({ header, chunks }: ShardPlan): Generator<{ name: string; text: string }> {
  yield { name: HEADER_FILE, text: encodeHeader(header) };
  let shard = 0;
  for (const chunk of chunks) yield { name: chunkFile(shard++), text: encodeChunk(chunk) };
}

async function digestOf(plan: ShardPlan, check: () => void): Promise<string> {
  const digests: string[] = [];
  for (const { text } of filesOf(plan)) {
    digests.push(sha256(text));
    await turn(); // heartbeats go out meanwhile
    check();
  }
  return sha256(digests.join());
}

function resultOf({ facts }: Manifest): ShardResult {
  const { images, setAside } = facts as ShardFacts;
  return { images, setAside: setAside.count };
}

async function openPlan(artifacts: Artifacts, plan: string): Promise<{ manifest: Manifest; header: PlanHeader }> {
  const manifest = await artifacts.find('plan', plan);
  if (!manifest) throw new Failure('DataIntegrity', `Cannot write shards as their plan is gone: ${plan}`);
  return { manifest, header: decodeHeader((await artifacts.read(objectNamed(manifest, HEADER_FILE))).toString()) };
}

/** Manifests of all shards of a plan, pool first. */
async function readShardManifests(artifacts: Artifacts, header: PlanHeader): Promise<Manifest[]> {
  const manifests: Manifest[] = [];
  for (let shard = 0; shard < header.pool.shards + header.test.shards; shard++) {
    const manifest = await artifacts.find('shards', shardOf(header.size, header.fingerprint, shard).key);
    if (!manifest) throw new Failure('DataIntegrity', `Cannot seal the images as shard ${shard + 1} is not there`);
    manifests.push(manifest);
  }
  return manifests;
}

function sumAside(shards: Manifest[]): SetAside {
  const all = shards.map(({ facts }) => (facts as ShardFacts).setAside);
  return {
    count: all.reduce((sum, { count }) => sum + count, 0),
    examples: all.flatMap(({ examples }) => examples).slice(0, ASIDE_EXAMPLES),
  };
}

function refuseTooMany({ count, examples }: SetAside, { pool, test }: PlanHeader, limit: number): void {
  const total = pool.images + test.images;
  if (count <= limit * total) return;
  const first = examples.slice(0, 3).map(({ image, reason }) => `${image} (${reason})`);
  const rule = `at most ${100 * limit} % of the images may be unreadable (images.setAsideLimit)`;
  throw new Failure('InvalidImages', `Cannot use the images as ${rule}: ${count} of ${total} are, such as ${first.join(', ')}`);
}

/** One manifest for the shards of a role: its objects are the shards themselves, and all labels in one small object. */
async function sealSet(
  artifacts: Artifacts,
  header: PlanHeader,
  manifests: Manifest[],
  made: Record<string, unknown>,
): Promise<ShardSetRef> {
  const filled = manifests.filter(({ facts }) => (facts as ShardFacts).images > 0);
  if (filled.length === 0)
    throw new Failure(
      'InvalidImages',
      'Cannot use the images as the pool and the test set need at least one readable image each: there is none',
    );
  const shards = filled.map((manifest, i) => ({
    digest: manifest.digest,
    images: (manifest.facts as ShardFacts).images,
    object: { ...objectNamed(manifest, SHARD_FILE), name: shardName(i) },
  }));
  const labels = await labelsOfShards(artifacts, shards);
  const images = labels.length;
  const labelled = filled.reduce((sum, { facts }) => sum + (facts as ShardFacts).labelled, 0);
  const identity = setOf(
    header.classes,
    header.size,
    shards.map(({ digest }) => digest),
  );
  const body = encodeSafetensors({ labels: { dtype: 'int32', shape: [images], data: labels } });
  const stored = await artifacts.attemptOf(identity).put(LABELS_FILE, body);
  const manifest = await artifacts.commitReady({
    ...identity,
    objects: [...shards.map(({ object }) => object), stored],
    facts: { classes: header.classes, size: header.size, images, labelled, shards: shards.map(({ object: _, ...shard }) => shard) },
    made,
  });
  return { kind: 'shards', key: manifest.key, digest: manifest.digest, images, shards: filled.length, labelled };
}
