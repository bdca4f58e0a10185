/** shards → views: the augmented images of one shard for the epochs of one segment, one object an epoch. */
import { setImmediate as turn } from 'node:timers/promises';
import type { StoredObject } from '../contracts/artifacts.ts';
import { Failure } from '../contracts/failures.ts';
import type { AugmentInput, AugmentResult } from '../contracts/stages.ts';
import { viewSettings } from '../contracts/views.ts';
import { readShard } from '../learning/images/shards.ts';
import { encodeSafetensors } from '../learning/safetensors.ts';
import { drawViews } from '../learning/views/draw.ts';
import { renderViews } from '../learning/views/render.ts';
import type { Artifacts } from '../store/artifacts.ts';
import { attempt } from './attempt.ts';
import { type Identity, viewsOf } from './identity.ts';
import { openSet, type ShardEntry } from './shardset.ts';
import { viewsFile } from './views.ts';

/** Images rendered between two looks at the event loop: enough to fill the groups of the renderer, few enough that heartbeats go out. */
export const chunkImages = (size: number): number => Math.min(1024, Math.max(16, Math.floor(2 ** 22 / size ** 2)));

export function augmentActivities(stored: Artifacts) {
  return {
    async augment({ pool, size, views, seed, shard, to = shard + 1, segment, own }: AugmentInput): Promise<AugmentResult> {
      return attempt(async ({ progress, check, signal, number, run }) => {
        const artifacts = stored.until(signal);
        const { shards } = await openSet(artifacts, pool);
        const entries = shards.slice(shard, to);
        if (entries.length < to - shard)
          throw new Failure('DataIntegrity', `Cannot render views as the set has no shard ${to - 1}: it has ${shards.length}`);
        const settings = viewSettings(views, size);
        const total = entries.reduce((sum, { images }) => sum + images, 0) * (segment.to - segment.from);
        const started = Date.now();
        const chunk = chunkImages(size);
        let done = 0;
        let rendered = 0;
        const tell = () => {
          const imagesPerSecond = rendered > 0 ? (1000 * rendered) / Math.max(1, Date.now() - started) : undefined;
          progress({ stage: 'views', done, total, unit: 'images', imagesPerSecond });
        };
        for (const entry of entries) {
          check();
          const identity = viewsOf(entry.digest, size, views, seed, segment, own);
          if (await artifacts.findWhole('views', identity.key)) {
            done += entry.images * (segment.to - segment.from);
            tell();
          } else await write(entry, identity);
        }
        return { views: 2 * total };

        async function write(entry: ShardEntry, identity: Identity): Promise<void> {
          const { images, ids } = readShard(await artifacts.read(entry.object));
          const upload = artifacts.attemptOf(identity);
          const objects: StoredObject[] = [];
          const imageBytes = size * size * 3;
          for (let epoch = segment.from; epoch < segment.to; epoch++) {
            const bytes = new Uint8Array(entry.images * 2 * imageBytes);
            for (let first = 0; first < entry.images; first += chunk) {
              const part = ids.slice(first, first + chunk);
              const pixels = images.subarray(first * imageBytes, (first + part.length) * imageBytes);
              const parameters = drawViews(settings, seed, epoch, part, 2, size);
              bytes.set(
                renderViews({ dtype: 'uint8', shape: [part.length, size, size, 3], data: pixels }, parameters).data,
                first * 2 * imageBytes,
              );
              done += part.length;
              rendered += part.length;
              tell();
              await turn();
              check();
            }
            const shape = [entry.images, 2, size, size, 3];
            objects.push(
              await upload.put(
                viewsFile(epoch),
                encodeSafetensors({ views: { dtype: 'uint8', shape, data: bytes } }, { ids: JSON.stringify(ids) }),
              ),
            );
          }
          await artifacts.commitReady({ ...identity, objects, facts: { images: entry.images }, made: { attempt: number, run } });
        }
      });
    },
  };
}
