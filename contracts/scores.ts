/** Scores: what the report shows and what `run --json` prints. */
import type { SetAside } from './artifacts.ts';
import type { LabelDraw } from './recipe.ts';

export type ModelKind = 'baseline' | 'classifier' | 'student';

/**
 * What is scored: the models; two measures of the representation as it stands, nearest neighbours and a linear probe; and for a student of
 * another size than its teacher the baseline of that size.
 */
export type ScoreKind = 'knn' | 'probe' | 'smallBaseline' | ModelKind;

/** Lower and upper end of a 95 % interval. */
export type Interval = [low: number, high: number];

/**
 * What a model's answers on the test images are worth besides how many are right. Shares of 0 to 1 unless said. A measure that these
 * classes do not have is missing.
 */
export type Measures = {
  /** Of the accuracy: percentile bootstrap over the test images. */
  interval: Interval;
  /** Accuracy minus the baseline's, −1 to 1, paired by image; missing for the baseline. */
  gain?: { accuracy: number; interval: Interval };
  /** How often the truth is among the five likeliest; of more than five classes. */
  top5?: number;
  /** Mean over the classes of the share that is found. */
  balancedAccuracy?: number;
  /** Of `balancedAccuracy`, as `interval`. */
  balancedInterval?: Interval;
  /** Area under the ROC curve: of the second of two classes; else one against the rest, the mean over the classes. */
  auc?: number;
  /** Of `auc`, with two classes (DeLong et al. 1988); missing where every pair is in order, as the formula would call that certain. */
  aucInterval?: Interval;
  /** How far off `auc` may be at most, where there were too many scores to keep; missing where it is exact. */
  aucWithin?: number;
  /** Quadratic weighted kappa, −1 to 1; of classes that are grades (`labels.graded`). */
  kappa?: number;
  /** Mean probability of the classes it named; above the accuracy it is too sure. */
  confidence: number;
  /** Expected calibration error, 15 bins. */
  calibrationError: number;
  /** Mean −ln of the probability given to the truth, nats. */
  loss: number;
  /**
   * Of the student, where labels were kept for it: its probabilities are softmax(logits / value), fitted on `images` images.
   * `interval`: of the value. `before`: the calibration error without it.
   */
  temperature?: { value: number; interval: Interval; images: number; before: number };
};

/** Accuracy of one model on the test set; `images` is the number of labelled images it learnt from. */
export type Score = LabelDraw & { model: ScoreKind; accuracy: number; images: number; measures?: Measures };

/** What the workflow returns, and what `fewlabels run --json` prints together with `seconds`, `report` file and `ui` link. */
export type RunResult = {
  run: string;
  scores: Score[];
  setAside: SetAside;
  /** What went wrong in pretraining without failing, and what to change. */
  warning?: string;
  /** What the recipe asked for and this run could not have, with the reason. */
  notes?: string[];
  /** Manifest key of the report, and of the student to take away (most labels, first draw). */
  report: { key: string; digest: string };
  student: { key: string; digest: string };
  /** The encoder with its projection head, before any label. */
  representation?: { key: string; digest: string };
};
