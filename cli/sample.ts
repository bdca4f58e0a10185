/** Decode some of the planned images, to find those that cannot be read before a run does. */
import { availableParallelism } from 'node:os';
import type { OpenTree } from '../learning/images/file-tree.ts';
import type { ShardPlan } from '../learning/images/plan-format.ts';
import { readImage } from '../learning/images/read-image.ts';
import { reasonAgainst } from '../learning/images/shards.ts';

/** Some seconds of work; the run itself looks at every image. */
const MOST_IMAGES = 2_000;

export type Looked = { images: number; unreadable: { image: string; reason: string }[] };

/** All images, or 2,000 spread evenly over the plan. */
export async function lookAtSome({ chunks }: ShardPlan, size: number, openTree: OpenTree): Promise<Looked> {
  const all = chunks.flatMap(({ images, sources }) => images.map((image) => ({ image, access: sources[image.source] })));
  const stride = Math.max(1, all.length / MOST_IMAGES);
  const chosen = Array.from({ length: Math.min(all.length, MOST_IMAGES) }, (_, i) => all[Math.floor(i * stride)]).filter(
    (entry) => entry !== undefined,
  );
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
