/** Task queues: who serves what. */
export const QUEUES = {
  /** Workflows and light input/output. */
  pipeline: 'fewlabels-pipeline',
  /** Shards and views: CPU, many workers. */
  data: 'fewlabels-data',
  /** Everything that trains or predicts: one activity at a time per device. */
  training: 'fewlabels-training',
} as const;
export type WorkerKind = keyof typeof QUEUES;

export const NAMESPACE = 'fewlabels';
export const WORKFLOW_TYPE = 'pipeline';

/** Search attributes of a run, and their Temporal types. Registered by the embedded server and by `fewlabels up`. */
export const SEARCH_ATTRIBUTES = {
  FewlabelsRecipe: 'Keyword',
  FewlabelsDataset: 'Keyword',
  FewlabelsStage: 'Keyword',
  FewlabelsAccuracy: 'Double',
} as const;
