/** Training worker: one training at a time. For N devices start N of them, each with its own CUDA_VISIBLE_DEVICES. */
import { makeScratch, sweepScratch } from '../activities/trainer.ts';
import { createTrainingActivities } from '../activities/training.ts';
import { failEntry, serve } from './serve.ts';

/** The trainer's whole environment: what it needs to run and nothing that opens a door. */
const PASSED_ON = ['PATH', 'LANG', 'TMPDIR', 'CUDA_VISIBLE_DEVICES', 'LD_LIBRARY_PATH', 'XLA_FLAGS'];
const TRAINER_ENVIRONMENT = {
  TF_CPP_MIN_LOG_LEVEL: '2',
  TF_ENABLE_ONEDNN_OPTS: '1', // TensorFlow leaves it off on CPUs without AVX-512; it changes bits, so it is always on
  TF_DETERMINISTIC_OPS: '1',
  TF_FORCE_GPU_ALLOW_GROWTH: 'true',
};
/** Silence after which a trainer is taken for hung. The first step on a GPU may take minutes. */
const STALL_SECONDS = 600;

await serve('training', async ({ artifacts, scratch }) => {
  await makeScratch(scratch);
  await sweepScratch(scratch);
  const passedOn = PASSED_ON.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : []));
  const environment: Record<string, string> = { ...TRAINER_ENVIRONMENT, ...Object.fromEntries(passedOn) };
  return {
    activities: createTrainingActivities({ artifacts, scratch, environment, stallSeconds: STALL_SECONDS }),
    maxConcurrentActivityTaskExecutions: 1,
  };
}).catch(failEntry);
