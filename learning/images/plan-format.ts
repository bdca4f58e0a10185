/**
 * The plan as bytes: one small header, and one chunk for each shard, so that who writes a shard reads only its own images' names.
 * Shards of the pool come first, then those of the test set. Equal plans have equal bytes.
 */
import { z } from 'zod';
import { Access } from './listing.ts';

const Part = z.strictObject({ images: z.int().min(0), shards: z.int().min(0), labelled: z.int().min(0) });

export const PlanHeader = z.strictObject({
  classes: z.array(z.string()),
  size: z.int().describe('side of the stored square images, pixels'),
  pool: Part.describe('to learn from: labelled training images and unlabelled ones, mixed'),
  test: Part,
  fingerprint: z.string().describe('changes when a source file or a setting does; does not depend on where the files lie'),
});
export type PlanHeader = z.infer<typeof PlanHeader>;

const PlannedImage = z.strictObject({ id: z.string(), label: z.int().min(-1), at: z.string(), source: z.int().min(0) });
/** `source` is an index into the sources of the plan; `label` an index into its classes, or −1. */
export type PlannedImage = z.infer<typeof PlannedImage>;

/** One shard: its images in order and the sources they lie in. */
export const PlanChunk = z.strictObject({ role: z.enum(['pool', 'test']), sources: z.array(Access), images: z.array(PlannedImage) });
export type PlanChunk = z.infer<typeof PlanChunk>;

/** Chunks are made one at a time, whenever they are gone through: together they would name every image there is. */
export type ShardPlan = {
  header: PlanHeader;
  chunks: Iterable<PlanChunk>;
  /** Labels of all images of a part in the order of its shards, int32 [N], −1 for none. */
  labelsOf(role: PlanChunk['role']): Int32Array;
};

export const encodeHeader = (header: PlanHeader): string => JSON.stringify(header);
export const encodeChunk = (chunk: PlanChunk): string => JSON.stringify(chunk);

/** @throws ZodError or SyntaxError when the text is no header */
export const decodeHeader = (text: string): PlanHeader => PlanHeader.parse(JSON.parse(text));

/** @throws ZodError or SyntaxError when the text is no chunk */
export const decodeChunk = (text: string): PlanChunk => PlanChunk.parse(JSON.parse(text));
