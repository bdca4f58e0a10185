/** Training worker: one training at a time. For N devices start N of them, each with its own CUDA_VISIBLE_DEVICES. */
import { makeScratch, sweepScratch } from '../activities/trainer.ts';
import { createTrainingActivities } from '../activities/training.ts';
import { failEntry, serve } from './serve.ts';
import { trainerEnvironment } from './trainer-environment.ts';

/** Silence after which a trainer is taken for hung. The first step on a GPU may take minutes. */
const STALL_SECONDS = 600;

await serve('training', async ({ artifacts, scratch }) => {
  await makeScratch(scratch);
  await sweepScratch(scratch);
  const environment = trainerEnvironment(process.env);
  return {
    activities: createTrainingActivities({ artifacts, scratch, environment, stallSeconds: STALL_SECONDS }),
    maxConcurrentActivityTaskExecutions: 1,
  };
}).catch(failEntry);
