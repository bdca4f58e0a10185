/** images → shards: list them, write the shards side by side, seal the sets. */
import type { ImagesRef } from '../contracts/artifacts.ts';
import { data, light } from './policies.ts';
import type { Run } from './run.ts';
import { blockLength, inBlocks, shardsText } from './steps.ts';

export async function shardImages({ recipe, tracker, call }: Run): Promise<ImagesRef> {
  const { images, plan, shards } = await call(light.survey, `list the images of ${recipe.name}`, {
    images: recipe.images,
    seed: recipe.seed,
  });
  tracker.expect('shards', shards, blockLength(shards));
  if (images) {
    tracker.reuse('shards');
    return images;
  }
  await inBlocks(shards, async (shard, to) => {
    await call(data.shard, shardsText(shard, to, shards), { plan, shard, to });
    tracker.advance('shards', to - shard);
  });
  return call(light.seal, `seal ${shards} shards`, { plan });
}
