/** Views in the bucket: their names, and deleting them when their segment is done. */
import type { DeleteViewsInput } from '../contracts/stages.ts';
import type { Artifacts } from '../store/artifacts.ts';
import { attempt } from './attempt.ts';
import { viewsOf } from './identity.ts';
import { openSet } from './shardset.ts';

/** Name of the views object of one epoch. */
export function viewsFile(epoch: number): string {
  return `epoch-${String(epoch).padStart(6, '0')}.safetensors`;
}

export function viewsActivities(stored: Artifacts) {
  return {
    /** Manifest first, so that a reader never sees half of them. */
    async deleteViews({ pool, size, views, seed, segment, own }: DeleteViewsInput): Promise<void> {
      await attempt(async ({ check, signal }) => {
        const artifacts = stored.until(signal);
        const { shards } = await openSet(artifacts, pool);
        for (const { digest } of shards) {
          check();
          await artifacts.remove('views', viewsOf(digest, size, views, seed, segment, own).key);
        }
      });
    },
  };
}
