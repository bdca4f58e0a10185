/** What a report is made from. The caller gathers it from the store; everything here is plain data. */
import type { SetAside } from '../contracts/artifacts.ts';
import type { CurvePoint, Reviewed } from '../contracts/progress.ts';
import type { LabelDraw, Recipe } from '../contracts/recipe.ts';
import type { ModelKind, Score } from '../contracts/scores.ts';
import type { Machine } from '../contracts/trainer.ts';

/** One class: of its images, the share found (recall); of what is called by its name, the share right (precision). */
export type ClassScore = { images: number; recall?: number; precision?: number; f1?: number; auc?: number };

/**
 * One model on the test set. `confusion[t][p]`: test images of class t that the model called p; [classes][classes], counts.
 * `byClass`: [classes].
 */
export type Evaluation = LabelDraw & { model: ModelKind; confusion: number[][]; byClass?: ClassScore[] };

/**
 * The learning curve of one training. The representation sees no labels. `best`: the epoch whose weights were kept, where it might stop early,
 * `of` those that were planned.
 */
export type Curve = { points: CurvePoint[]; best?: Reviewed & { of: number } } & (
  | { stage: 'representation' }
  | ({ stage: ModelKind } & LabelDraw)
);

/**
 * One test image and what a model said about it.
 * `pixels`: a `data:image/…` URI, or RGB bytes [size × size × 3]. `predictions`: best first, one to three are shown.
 */
export type Example = {
  id: string;
  pixels: string | Uint8Array;
  size: number;
  /** Index into `classes`. */
  truth: number;
  predictions: { class: number; probability: number }[];
};

export type ReportInput = {
  run: string;
  recipe: Recipe;
  classes: string[];
  /** `pool`: images to learn from, `labelled`: how many of them have a label, `test`: test images, `size`: pixels. */
  images: { pool: number; labelled: number; test: number; size: number };
  setAside: SetAside;
  /** What went wrong in pretraining without failing. */
  warning?: string;
  /** What the recipe asked for and this run could not have, with the reason. */
  notes?: string[];
  scores: Score[];
  /** Fewest labels first. The student with the most labels, first draw, is shown in detail; others may be missing. */
  evaluations: Evaluation[];
  curves: Curve[];
  /** Answers of the same student; about 12 to 24 right and wrong ones. */
  examples: Example[];
  /**
   * Learning rates that baselines chose from: `base` was used; accuracies are those on labelled images held out, missing where the training
   * diverged. `small`: the baseline of the student's size.
   */
  rates?: (LabelDraw & { small?: boolean; base: number; tried: { base: number; accuracy?: number }[] })[];
  timings?: { stage: string; seconds: number }[];
  /** The artifacts behind the numbers, in pipeline order. */
  artifacts?: { stage: string; what: string; key: string; digest: string }[];
  /** What decides the bits: TensorFlow version, device, threads, … as the manifests tell it. */
  made?: Record<string, unknown>;
  /** Those that pretraining was on. */
  machines?: Machine[];
  links?: { text: string; href: string }[];
  /** When the report was made, ISO 8601; left out of the page when absent. */
  date?: string;
};
