/** What heartbeats, queries and the trainer's messages say about a run in progress. */
import type { SetAside } from './artifacts.ts';

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
  checkpointStep?: number;
  /** What is going wrong without having failed, and what to change. */
  warning?: string;
};

/** One stage of the run, as the workflow's `progress` query tells it. */
export type StageProgress = { stage: string; state: 'waiting' | 'running' | 'done'; done: number; total: number; note?: string };

export type RunProgress = { stages: StageProgress[]; setAside?: SetAside; warning?: string };
export const PROGRESS_QUERY = 'progress';

/** One line of a learning curve: what the step measured. `entropy` and `deviation` are pretraining's (`contrastiveMetrics`). */
export type CurvePoint = {
  step: number;
  epoch: number;
  loss: number;
  accuracy?: number;
  entropy?: number;
  deviation?: number;
  learningRate: number;
};
