/** The section `images` of a recipe: where they come from, which of them are for testing, and how large they are kept. */
import { z } from 'zod';

export const Fraction = z.number().gt(0).lte(1);

/**
 * Where images come from. A plain string is a folder (one sub-folder per class, or flat), an `.npz` file, a folder of CIFAR-10
 * binary batches, or any of these under `s3://bucket/prefix`.
 */
export const Source = z.union([
  z.string().min(1),
  z.strictObject({
    folder: z.string().min(1),
    labels: z.string().min(1).optional().describe('CSV with the columns file,label; for a flat folder'),
  }),
  z.strictObject({
    generated: z.literal('shapes').describe('textured shapes drawn on the spot: for the demo and for tests'),
    perClass: z.int().min(1).max(1_000_000),
    labelled: z.boolean().default(true),
  }),
]);

export const Images = z.strictObject({
  train: Source,
  test: Source.optional().describe('without it, testFraction of the labelled images is split off'),
  unlabelled: z.array(Source).default([]),
  size: z.int().min(8).max(1024).default(32).describe('side of the stored square images, pixels'),
  evaluationCrop: Fraction.default(1).describe(
    'middle part of an image that is judged, as a share of its side; SimCLR has 0.875 above 32 px',
  ),
  testFraction: z.number().gt(0).lt(1).default(0.2),
  setAsideLimit: z.number().min(0).max(1).default(0.05).describe('share of unreadable images above which the run fails'),
});
