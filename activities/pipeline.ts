/** Activities of pipeline workers: light input and output. */
import type { PipelineActivities } from '../contracts/stages.ts';
import { labelActivities } from './labels.ts';
import { representationActivities } from './pretrain.ts';
import { reportActivities } from './report.ts';
import { type ImageTrees, surveyActivities } from './shards.ts';
import { startActivities } from './start.ts';
import type { TrainerSettings } from './trainer.ts';
import { viewsActivities } from './views.ts';

export function createPipelineActivities(settings: TrainerSettings, trees: ImageTrees): PipelineActivities {
  const { artifacts } = settings;
  return {
    ...surveyActivities(artifacts, trees),
    ...viewsActivities(artifacts),
    ...startActivities(artifacts, trees),
    ...representationActivities(settings),
    ...labelActivities(artifacts, trees),
    ...reportActivities(artifacts),
  };
}
