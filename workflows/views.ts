/** The views of the segments under way: written by data workers, one segment ahead of the training, and deleted behind it. */
import { workflowInfo } from '@temporalio/workflow';
import type { ImagesRef } from '../contracts/artifacts.ts';
import type { Segment } from '../contracts/stages.ts';
import { data, light } from './policies.ts';
import type { Run } from './run.ts';
import { blockLength, epochsText, inBlocks, shardsText } from './steps.ts';

export type Views = {
  /** Have the views of a segment written, if nobody did yet. Resolves when they are. */
  write(segment: Segment): Promise<unknown>;
  /**
   * They turned out to be missing: another run that shares them is done with them. The next `write` writes them again, for this run alone, so
   * that it loses each segment's once at most, however many runs there are.
   */
  lost(segment: Segment): void;
  /** Which views of the segment are meant. */
  which(segment: Segment): { own?: string };
  /** Delete the views of all segments that end at `epoch` or before. */
  deleteUntil(epoch: number): Promise<void>;
};

/** @param segments  how many there are in all @param done  how many of them are trained on already */
export function openViews({ recipe, tracker, call }: Run, { pool, size }: ImagesRef, segments: number, done: number): Views {
  const { views, seed } = recipe;
  const { epochs } = recipe.pretrain;
  const written = new Map<number, { segment: Segment; ready: Promise<unknown> }>();
  const own = new Set<number>();
  const which = ({ from }: Segment) => (own.has(from) ? { own: workflowInfo().workflowId } : {});
  const counted = new Set<number>(); // those that are written again count once
  tracker.expect('views', segments * pool.shards, blockLength(pool.shards));
  tracker.advance('views', done * pool.shards);

  const render = (segment: Segment) => {
    const isNews = !counted.has(segment.from);
    counted.add(segment.from);
    return inBlocks(pool.shards, async (shard, to) => {
      const line = `views of ${shardsText(shard, to, pool.shards)} for ${epochsText(segment, epochs)}`;
      await call(data.augment, line, { pool, size, views, seed, shard, to, segment, ...which(segment) });
      if (isNews) tracker.advance('views', to - shard);
    });
  };
  return {
    write(segment) {
      const ready = written.get(segment.from)?.ready ?? render(segment);
      written.set(segment.from, { segment, ready });
      ready.catch(() => undefined); // it fails the run when it is awaited, not while another segment trains
      return ready;
    },
    lost({ from }) {
      written.delete(from);
      own.add(from);
    },
    which,
    async deleteUntil(epoch) {
      for (const { segment, ready } of [...written.values()].filter(({ segment }) => segment.to <= epoch)) {
        await ready;
        const wanted = { pool, size, views, seed, segment, ...which(segment) };
        await call(light.deleteViews, `delete the views of ${epochsText(segment, epochs)}`, wanted);
        written.delete(segment.from);
      }
    },
  };
}
