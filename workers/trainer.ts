/**
 * The trainer: a process of its own that sees one scratch folder, `trainer.ts <folder>`. It reads `job.json`, trains or evaluates,
 * and speaks to its supervisor over IPC. Native calls block it, so it listens between steps. It ends with its supervisor.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { SupervisorMessage, TrainerJob, TrainerMessage } from '../contracts/trainer.ts';
import { distill } from '../learning/loops/distill.ts';
import { evaluate } from '../learning/loops/evaluate.ts';
import { failureOf } from '../learning/loops/failed.ts';
import { finetune } from '../learning/loops/finetune.ts';
import type { Surroundings } from '../learning/loops/log.ts';
import { pretrain } from '../learning/loops/pretrain.ts';
import type { Outcome } from '../learning/loops/train.ts';
import { binding } from '../learning/ops/native.ts';
import type { Execution } from '../learning/steps/step.ts';
import { precisionHere, processorHere } from './hardware.ts';

const stop = new AbortController();
/** Settles when the newest message, hence every one before it, has left this process. */
let sent: Promise<void> = Promise.resolve();
const say = (message: TrainerMessage): void => {
  sent = new Promise((resolve) => {
    if (process.send) process.send(message, () => resolve());
    else resolve();
  });
};

process.on('message', (message: SupervisorMessage) => {
  if (message.type === 'stop') stop.abort();
});
process.on('disconnect', () => process.exit(1)); // nobody is left to keep what we write

await main(process.argv[2] ?? '.');

async function main(folder: string): Promise<void> {
  try {
    await writeFile('/proc/self/oom_score_adj', '500').catch(() => undefined); // short of memory, Linux ends the trainer before its supervisor
    const job = JSON.parse(await readFile(join(folder, 'job.json'), 'utf8')) as TrainerJob;
    const { TF_Version: tensorflow } = binding();
    const isGpu = binding().isUsingGpuDevice();
    const execution = executionOf(job, isGpu);
    const threads = job.threads === 'auto' ? availableParallelism() : job.threads;
    const [device, processor] = [isGpu ? 'GPU' : 'CPU', processorHere(isGpu)];
    say({ type: 'ready', tensorflow, device, processor, threads, precision: execution });
    const { finished, facts, waitedSeconds } = await perform(job, {
      folder,
      execution,
      now: () => performance.now(),
      onProgress: (progress) => say({ type: 'progress', ...progress }),
      onCheckpoint: (checkpoint) => say({ type: 'checkpoint', ...checkpoint }),
      onAlive: () => say({ type: 'alive' }),
      stop: stop.signal,
    });
    if (finished) say({ type: 'done', facts, waitedSeconds });
    await leave(0);
  } catch (error) {
    const { kind, message } = failureOf(error);
    say({ type: 'failed', kind, message });
    await leave(1);
  }
}

function perform(job: TrainerJob, around: Surroundings): Promise<Outcome> {
  switch (job.kind) {
    case 'pretrain':
      return pretrain(job, around);
    case 'finetune':
      return finetune(job, around);
    case 'distill':
      return distill(job, around);
    case 'evaluate':
      return evaluate(job, around);
  }
}

/** `auto` settled for this machine. */
function executionOf({ precision, compiled }: TrainerJob, isGpu: boolean): Execution {
  return compiled ? precisionHere(precision, isGpu) : 'eager';
}

/** Exit for good: neither the channel nor a read that waits for a file may hold the process. */
async function leave(status: number): Promise<never> {
  await sent;
  process.exit(status);
}
