/** Training worker: one training at a time. For N devices start N of them, each with its own CUDA_VISIBLE_DEVICES. */
import { makeScratch, sweepScratch } from '../activities/scratch.ts';
import { createTrainingActivities } from '../activities/training.ts';
import { failEntry, serve } from './serve.ts';
import { TRAINER_ENVIRONMENT } from './trainer-environment.ts';

/** Of the worker's own environment, what a trainer may see: nothing that opens a door. */
const PASSED_ON = ['PATH', 'LANG', 'TMPDIR', 'CUDA_VISIBLE_DEVICES', 'LD_LIBRARY_PATH', 'XLA_FLAGS'];
/** The first step on a GPU may take minutes. */
const STALL_SECONDS = 600;

await serve('training', async ({ artifacts, scratch, environment: { FEWLABELS_STALL_SECONDS }, graceSeconds, log }) => {
  await makeScratch(scratch);
  for (const problem of await sweepScratch(scratch)) log.warn(`left in the scratch folder: ${problem}`);
  const passedOn = PASSED_ON.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : []));
  const environment: Record<string, string> = { ...TRAINER_ENVIRONMENT, ...Object.fromEntries(passedOn) };
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
