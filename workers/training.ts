/** Training worker: one training at a time. For N devices start N of them, each with its own CUDA_VISIBLE_DEVICES. */
import { makeScratch, sweepScratch } from '../activities/scratch.ts';
import { createTrainingActivities } from '../activities/training.ts';
import { failEntry, serve } from './serve.ts';
import { trainerEnvironment } from './trainer-environment.ts';

/** Silence after which a trainer is taken for hung. The first step on a GPU may take minutes. */
const STALL_SECONDS = 600;

await serve('training', async ({ artifacts, scratch, environment: { FEWLABELS_STALL_SECONDS }, graceSeconds, log }) => {
  await makeScratch(scratch);
  for (const problem of await sweepScratch(scratch)) log.warn(`left in the scratch folder: ${problem}`);
  const environment = trainerEnvironment(process.env);
  return {
    activities: createTrainingActivities({
      artifacts,
      scratch,
      environment,
      stallSeconds: Number(FEWLABELS_STALL_SECONDS ?? STALL_SECONDS),
      graceSeconds,
    }),
    maxConcurrentActivityTaskExecutions: 1,
  };
}).catch(failEntry);
