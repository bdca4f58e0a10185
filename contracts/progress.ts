/** What heartbeats, queries and the trainer's messages say about a run in progress. */
import type { SetAside } from './artifacts.ts';
import { cutTo } from './cut.ts';
import type { FailureKind } from './failures.ts';

/** Progress of one activity, as carried by its heartbeat; small, and the last one wins. */
export type Beat = {
  stage: string;
  done: number;
  total: number;
  unit: 'images' | 'steps';
  imagesPerSecond?: number;
  loss?: number;
  /** Fraction of correct answers on the training batches (contrastive or supervised). */
  accuracy?: number;
  secondsLeft?: number;
  /** The newest one in the store, the artifact it belongs to, and when it was put there, where that is known (ISO 8601). */
  checkpoint?: { step: number; key: string; at?: string };
  /** What the newest review found, and after how many epochs. */
  review?: Reviewed;
  /** What is going wrong without having failed, and what to change. */
  warning?: string;
};

/** How often each kind of failure came since the newest checkpoint there was then. */
export type Failures = { counts: Partial<Record<FailureKind, number>>; step?: number };

/**
 * A heartbeat, which the next attempt of the activity finds. `isRunning` is left standing where an attempt is lost with its worker;
 * `hasStepped`: an attempt of this activity got so far that it took a step.
 */
export type Pulse = Partial<Beat> & { failures?: Failures; hasStepped?: boolean; isRunning?: boolean };

/**
 * What weights are worth between two epochs, on labelled images that they do not learn from: shares right, 0 to 1. Looking changes no
 * weight. `knn`, `probe`: of the features, by nearest neighbours and a linear classifier on labelled images beside those. `heldOut`: of a
 * classifier in training, balanced where the classes weigh alike; `heldOutLoss`: its mean cross-entropy there, nats.
 */
export type Review = { knn?: number; probe?: number; heldOut?: number; heldOutLoss?: number };
export type Reviewed = Review & { epoch: number };

/** One stage of the run, as the workflow's `progress` query tells it. */
export type StageProgress = {
  stage: string;
  state: 'waiting' | 'running' | 'done';
  done: number;
  total: number;
  /** How many of the total are one training or one activity, where a stage has several of several pieces. */
  each?: number;
  note?: string;
};

/** `notes`: what the recipe asked for and this run cannot have, with the reason. */
export type RunProgress = { stages: StageProgress[]; setAside?: SetAside; warning?: string; notes?: string[]; paused?: true };
export const PROGRESS_QUERY = 'progress';
/** Updates of a run, without arguments. `pause` is over when all its work has stopped, trainings with a last checkpoint. */
export const PAUSE_UPDATE = 'pause';
export const RESUME_UPDATE = 'resume';

/** Temporal takes 400, with the marks of JSON and a word on how it is encoded. */
const SUMMARY_BYTES = 350;

/** As much of a text as Temporal takes for a summary; it counts bytes, not letters. */
export const summaryText = (text: string): string => cutTo(text, SUMMARY_BYTES);

/** One line of a learning curve: what the step measured. `entropy` and `deviation` are pretraining's (`contrastiveMetrics`). */
export type CurvePoint = {
  step: number;
  epoch: number;
  loss: number;
  accuracy?: number;
  entropy?: number;
  deviation?: number;
  learningRate: number;
  /** Of the weights after this step, where one was due. */
  review?: Review;
};
