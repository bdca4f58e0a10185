/** Activities of training workers: everything that runs in a trainer, in pipeline order. */
import type { TrainingActivities } from '../contracts/stages.ts';
import { distillActivities } from './distill.ts';
import { evaluateActivities } from './evaluate.ts';
import { finetuneActivities } from './finetune.ts';
import { pretrainActivities } from './pretrain.ts';
import type { TrainerSettings } from './trainer.ts';

export function createTrainingActivities(settings: TrainerSettings): TrainingActivities {
  return {
    ...pretrainActivities(settings),
    ...finetuneActivities(settings),
    ...distillActivities(settings),
    ...evaluateActivities(settings),
  };
}
