/** Decode some of the planned images, to find those that cannot be read before a run does. */
import { availableParallelism } from 'node:os';
import type { OpenTree } from '../learning/images/file-tree.ts';
import type { Access } from '../learning/images/listing.ts';
import type { PlannedImage, ShardPlan } from '../learning/images/plan-format.ts';
import { readImage } from '../learning/images/read-image.ts';
import { reasonAgainst } from '../learning/images/shards.ts';

/** Some seconds of work; the run itself looks at every image. */
const MOST_IMAGES = 2_000;

export type Looked = { images: number; unreadable: { image: string; reason: string }[] };

/** All images, or 2,000 spread evenly over the plan. */
export async function lookAtSome(plan: ShardPlan, size: number, openTree: OpenTree): Promise<Looked> {
  const chosen = chosenOf(plan);
  const unreadable: Looked['unreadable'] = [];
  let next = 0;
  const lane = async () => {
    for (let entry = chosen[next++]; entry; entry = chosen[next++]) {
      const { image, access } = entry;
      if (!access || access.kind === 'shapes') continue;
      await readImage(access, image.at, size, openTree).catch((error: unknown) => {
        unreadable.push({ image: image.id, reason: reasonAgainst(error) });
      });
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, lane));
  return { images: chosen.length, unreadable };
}

function chosenOf({ header, chunks }: ShardPlan): { image: PlannedImage; access: Access | undefined }[] {
  const stride = Math.max(1, (header.pool.images + header.test.images) / MOST_IMAGES);
  const chosen: { image: PlannedImage; access: Access | undefined }[] = [];
  let seen = 0;
  for (const { images, sources } of chunks) {
    for (const image of images) {
      if (seen++ === Math.floor(chosen.length * stride)) chosen.push({ image, access: sources[image.source] });
    }
  }
  return chosen;
}
