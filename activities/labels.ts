/** Which labelled images a training may use: drawn once, stratified and seeded, and kept as an artifact. */
import type { LabelsRef } from '../contracts/artifacts.ts';
import { Failure } from '../contracts/failures.ts';
import type { DrawLabelsInput, DrawLabelsResult, SplitLabelsInput, SplitLabelsResult } from '../contracts/stages.ts';
import type { OpenTree } from '../learning/images/file-tree.ts';
import { type HeldOut, holdOut, splitToJudge } from '../learning/images/hold-out.ts';
import { drawLabels, labelsOfIds, readIds } from '../learning/images/labels.ts';
import { decodeSafetensors, encodeSafetensors } from '../learning/safetensors.ts';
import type { Artifacts } from '../store/artifacts.ts';
import { type Attempt, attempt } from './attempt.ts';
import { type Identity, labelsOf, splitOf } from './identity.ts';
import { idsOfSet, objectNamed, openSet, readLabels } from './shardset.ts';
import { treesUntil } from './trees.ts';

const POSITIONS_FILE = 'positions.safetensors';

export function labelActivities(stored: Artifacts, openTree: OpenTree) {
  return {
    async drawLabels({ images, draw, seed, calibration = 0 }: DrawLabelsInput): Promise<DrawLabelsResult> {
      return attempt(async (current) => {
        const artifacts = stored.until(current.signal);
        const classes = images.classes.length;
        const ids = 'file' in draw ? await readIds(draw.file, treesUntil(current.signal, openTree)) : undefined;
        const identity = labelsOf(images.pool, classes, draw, seed, calibration, ids);
        const found = await artifacts.findWhole('labels', identity.key);
        if (found) return { kind: 'labels', key: found.key, digest: found.digest, ...counts(found.facts) };
        const { manifest, shards } = await openSet(artifacts, images.pool);
        const labels = await readLabels(artifacts, manifest);
        const known = async () => ({
          pool: idsOfSet(artifacts, shards),
          test: idsOfSet(artifacts, (await openSet(artifacts, images.test)).shards),
        });
        const drawn =
          'file' in draw
            ? await labelsOfIds(labels, await known(), images.classes, draw.file, ids ?? [])
            : drawLabels(labels, classes, draw, seed);
        const parts = holdOut(labels, drawn, calibration, draw.draw, seed);
        return commitLabels(artifacts, identity, parts, 'file' in draw ? {} : draw, current);
      });
    },

    async splitLabels({ images, labels, seed, share }: SplitLabelsInput): Promise<SplitLabelsResult> {
      return attempt(async (current) => {
        const artifacts = stored.until(current.signal);
        const { manifest } = await openSet(artifacts, images.pool);
        const drawn = await readPositions(artifacts, labels);
        const all = await readLabels(artifacts, manifest);
        const { parts, why } = splitToJudge(all, drawn, images.classes, seed, share);
        if (!parts) return { why };
        return { split: await commitLabels(artifacts, splitOf(images.pool, labels, seed, share), parts, {}, current) };
      });
    },
  };
}

async function commitLabels(
  artifacts: Artifacts,
  identity: Identity,
  { training, heldOut }: HeldOut,
  known: Record<string, unknown>,
  { number, run }: Pick<Attempt, 'number' | 'run'>,
): Promise<LabelsRef> {
  const int32 = (data: Int32Array) => ({ dtype: 'int32' as const, shape: [data.length], data });
  const body = encodeSafetensors({ positions: int32(training), ...(heldOut.length > 0 ? { heldOut: int32(heldOut) } : {}) });
  const facts = { ...counts({ images: training.length, heldOut: heldOut.length }), ...known };
  const made = await artifacts.commit({ ...identity, objects: [{ name: POSITIONS_FILE, body }], facts, made: { attempt: number, run } });
  return { kind: 'labels', key: made.key, digest: made.digest, ...counts(facts) };
}

/** How many images to learn from, and how many are held out where there are any. */
function counts({ images, heldOut }: Record<string, unknown>): Pick<LabelsRef, 'images' | 'heldOut'> {
  return { images: Number(images), ...(heldOut ? { heldOut: Number(heldOut) } : {}) };
}

/** Positions of the drawn images in their set, ascending: those to learn from, or those held out. */
export async function readPositions(
  artifacts: Artifacts,
  labels: Pick<LabelsRef, 'key'>,
  which: 'positions' | 'heldOut' = 'positions',
): Promise<Int32Array> {
  const manifest = await artifacts.find('labels', labels.key);
  if (!manifest) throw new Failure('DataIntegrity', `Cannot read the drawn labels as their manifest is gone: ${labels.key}`);
  const positions = decodeSafetensors(await artifacts.read(objectNamed(manifest, POSITIONS_FILE))).tensors[which]?.data;
  if (!(positions instanceof Int32Array))
    throw new Failure('DataIntegrity', `Cannot read the drawn labels as "${POSITIONS_FILE}" holds none: ${labels.key}`);
  return positions;
}
