/**
 * What the stages hand to each other. A reference names an artifact in the bucket and fits in a few hundred bytes; the bytes
 * themselves never pass through Temporal. References are branded, so that a teacher cannot be passed where images belong.
 */
import { z } from 'zod';

/**
 * The stages in pipeline order, their bucket prefixes, and the version of their code: raise it when the same input gives another
 * output. Plans, sets, labels and evaluations are the small artifacts that tie the large ones together.
 */
export const STAGES = {
  plan: { prefix: '1-shards/plans', version: 1 },
  shards: { prefix: '1-shards', version: 1 },
  set: { prefix: '1-shards/sets', version: 1 },
  views: { prefix: '2-views', version: 2 },
  start: { prefix: '3-representation/starts', version: 1 },
  representation: { prefix: '3-representation', version: 1 },
  labels: { prefix: '4-classifier/labels', version: 1 },
  classifier: { prefix: '4-classifier', version: 2 },
  student: { prefix: '5-student', version: 2 },
  evaluation: { prefix: '6-report/evaluations', version: 3 },
  report: { prefix: '6-report', version: 6 },
} as const;
export type StageName = keyof typeof STAGES;

/** One object of an artifact. */
export const StoredObject = z.strictObject({
  name: z.string(),
  key: z.string(),
  bytes: z.int().min(0),
  sha256: z.string().length(64),
});
export type StoredObject = z.infer<typeof StoredObject>;

/**
 * The last object written of an artifact: while it is missing the artifact does not exist. `made` records what decides the bits
 * (TensorFlow version, device, processor, threads) and who made it; the key does not depend on it. Of a training, `made.machines` are all
 * that it was on, each with the step from which on.
 */
export const Manifest = z.strictObject({
  stage: z.string(),
  version: z.int(),
  key: z.string().describe('SHA-256 of (stage, version, slice, inputs), first 32 hex digits'),
  slice: z.unknown().describe('the part of the recipe this artifact depends on'),
  inputs: z.array(z.string()).describe('digests of the input artifacts'),
  objects: z.array(StoredObject),
  facts: z.record(z.string(), z.unknown()).describe('small results: counts, losses, class names'),
  made: z.record(z.string(), z.unknown()),
  digest: z.string().length(64).describe('SHA-256 over names, sizes and digests of the objects and over the facts'),
});
export type Manifest = z.infer<typeof Manifest>;

/** Which checkpoints of a training stay: those that any of these wants. */
export const Retention = z.strictObject({
  last: z.int().min(2).max(1000).default(2).describe('the newest; two, as a dying disk may tear one'),
  best: z.int().min(1).max(1000).optional().describe('those of the lowest loss'),
  every: z.int().min(1).optional().describe('the newest in each so many steps'),
});
export type Retention = z.infer<typeof Retention>;

/** A committed artifact: `<prefix>/<key>/manifest.json`. */
export type Ref<Kind extends string> = { kind: Kind; key: string; digest: string };

/** Images of one role, in shards of equal size (the last one shorter). */
export type ShardSetRef = Ref<'shards'> & { images: number; shards: number; labelled: number };
/** A file of weights, as it was given, that pretraining starts from. */
export type StartRef = Ref<'start'>;
/** A trained encoder with its projection head. */
export type RepresentationRef = Ref<'representation'>;
/** A classifier: the fine-tuned teacher, or the baseline trained from nothing. */
export type ClassifierRef = Ref<'classifier'>;
export type StudentRef = Ref<'student'>;
export type ReportRef = Ref<'report'>;
/** `images` to learn from; `heldOut`: others with a label, for calibration. */
export type LabelsRef = Ref<'labels'> & { images: number; heldOut?: number };

/** The images of a run: the pool to learn from (labelled and unlabelled) and the test set, never mixed. */
export type ImagesRef = { pool: ShardSetRef; test: ShardSetRef; classes: string[]; size: number; setAside: SetAside };

/** Unreadable images: how many, and the first few with their reasons. */
export type SetAside = { count: number; examples: { image: string; reason: string }[] };
