/** Scores: what the report shows and what `run --json` prints. */
import type { SetAside } from './artifacts.ts';

export type ModelKind = 'baseline' | 'classifier' | 'student';

/** Accuracy of one model on the test set; `images` is the number of labelled images it learnt from. */
export type Score = { model: ModelKind; fraction: number; draw: number; accuracy: number; images: number };

/** What the workflow returns, and what `fewlabels run --json` prints together with `seconds`, `report` file and `ui` link. */
export type RunResult = {
  run: string;
  scores: Score[];
  setAside: SetAside;
  /** Manifest key of the report, and of the student to take away (largest fraction, first draw). */
  report: { key: string; digest: string };
  student: { key: string; digest: string };
  /** The encoder with its projection head, before any label. */
  representation?: { key: string; digest: string };
};
