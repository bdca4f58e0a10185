/** images → shards: list them, write the shards side by side, seal the sets. */
import type { ImagesRef } from '../contracts/artifacts.ts';
import type { Recipe } from '../contracts/recipe.ts';
import { data, light } from './policies.ts';
import type { Tracker } from './progress.ts';
import { call, fanOut } from './steps.ts';

export async function shardImages(recipe: Recipe, tracker: Tracker): Promise<ImagesRef> {
  const { images, plan, shards } = await call(light.survey, `list the images of ${recipe.name}`, {
    images: recipe.images,
    seed: recipe.seed,
  });
  tracker.expect('shards', shards);
  if (images) {
    tracker.reuse('shards');
    return images;
  }
  await fanOut(shards, async (shard) => {
    await call(data.shard, `shard ${shard + 1} of ${shards}`, { plan, shard });
    tracker.advance('shards');
  });
  return call(light.seal, `seal ${shards} shards`, { plan });
}
