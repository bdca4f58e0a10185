/** A file of weights → an artifact that pretraining can start from, on any machine and after the file is gone. */
import type { StartRef, StoredObject } from '../contracts/artifacts.ts';
import { Failure } from '../contracts/failures.ts';
import type { AdoptInput, AdoptResult } from '../contracts/stages.ts';
import { readWhole, splitPath } from '../learning/images/file-tree.ts';
import { decodeSafetensors } from '../learning/safetensors.ts';
import type { Artifacts } from '../store/artifacts.ts';
import { sha256 } from '../store/digest.ts';
import { attempt } from './attempt.ts';
import { startOf } from './identity.ts';
import type { ImageTrees } from './shards.ts';
import { objectNamed } from './shardset.ts';
import { treesUntil } from './trees.ts';

export const START_FILE = 'start.safetensors';
const LARGEST_START = 2 ** 31; // bytes: half a thousand million weights

export function startActivities(stored: Artifacts, openTree: ImageTrees) {
  return {
    async adopt({ file }: AdoptInput): Promise<AdoptResult> {
      return attempt(async ({ signal, number, run }) => {
        const artifacts = stored.until(signal);
        const { root, name } = splitPath(file);
        const body = await readWhole(treesUntil(signal, openTree)(root), name, LARGEST_START).catch((error: Error) => refuse(file, error));
        check(file, body);
        const identity = startOf(sha256(body));
        const found = await artifacts.findWhole('start', identity.key);
        const objects = [{ name: START_FILE, body }];
        const facts = { bytes: body.length };
        const manifest = found ?? (await artifacts.commit({ ...identity, objects, facts, made: { attempt: number, run } }));
        return { kind: 'start', key: manifest.key, digest: manifest.digest };
      });
    },
  };
}

/** Whether its weights fit the encoder is for the trainer to say; that it is such a file is told before anything waits for it. */
function check(file: string, body: Buffer): void {
  try {
    decodeSafetensors(body, 'leave out');
  } catch (error) {
    refuse(file, error as Error);
  }
}

/** What is no matter of the file itself (network, disk) goes on as it is, to be tried again. */
function refuse(file: string, error: Error): never {
  if (!(error instanceof Failure) && !error.message.startsWith('Cannot read safetensors')) throw error;
  throw new Failure('InvalidRecipe', `Cannot start pretraining from "${file}" as it must be a .safetensors file: ${error.message}`);
}

/** The file of a start, for the trainer. */
export async function startFile(artifacts: Artifacts, { key }: StartRef): Promise<StoredObject> {
  const manifest = await artifacts.find('start', key);
  if (!manifest) throw new Failure('DataIntegrity', `Cannot start pretraining as its first weights are gone: ${key}`);
  return objectNamed(manifest, START_FILE);
}
