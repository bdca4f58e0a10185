/** One run watched until its representation is there: how long it took, what it took it for, and the CPU time of everyone in it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { lookAt } from '../cli/watch.ts';
import type { Beat } from '../contracts/progress.ts';
import type { PretrainResult } from '../contracts/stages.ts';
import { type Activity, activitiesOf, covered } from './activities-of.ts';
import type { Embedded, Run } from './embedded.ts';
import { endedSeconds, familySeconds } from './processes.ts';
import { summaryOf } from './statistics.ts';

/** Seconds. The parts that follow `cpu` add up to `wall`, but for what overlaps; `overhead` is a share of it. */
export type Pretraining = {
  wall: number;
  cpu: number;
  /** From the command to the first activity. */
  command: number;
  shards: number;
  /** In which views are rendered and no training hides it. */
  views: number;
  steps: number;
  /** Of the trainers and around them: their start, compilation, checkpoints, the model. */
  'trainer besides steps': number;
  /** In which no activity runs. */
  'between activities': number;
  overhead: number;
};

const LOOK_EVERY_MS = 1_000;
const SAMPLE_EVERY_MS = 250;

/** `fewlabels run` on servers that are up, stopped when its representation is committed. */
export async function watchPretraining(embedded: Embedded, recipe: string, sets: string[]): Promise<Pretraining> {
  const { session, supervisor } = embedded;
  const [before, commandBefore] = [familySeconds(supervisor), endedSeconds(process.pid)];
  const samples: CpuSample[] = [];
  const sampling = setInterval(() => samples.push({ at: Date.now(), seconds: familySeconds(supervisor) - before }), SAMPLE_EVERY_MS);
  try {
    const run = await embedded.run(recipe, sets);
    const { activities, beats, done } = await untilDone(embedded, run);
    run.interrupt();
    await run.ended;
    const { workflow } = session.client;
    await workflow
      .getHandle(run.id)
      .terminate('its representation is there, which is all that is measured')
      .catch(() => undefined); // it may be over
    const cpu =
      (samples.find(({ at }) => at >= done)?.seconds ?? familySeconds(supervisor) - before) + endedSeconds(process.pid) - commandBefore;
    return { ...partsOf(run.begun, done, activities, beats), cpu };
  } finally {
    clearInterval(sampling);
  }
}

type CpuSample = { at: number; seconds: number };

async function untilDone({ session }: Embedded, { id, ended }: Run): Promise<{ activities: Activity[]; beats: Beat[]; done: number }> {
  const beats: Beat[] = [];
  let isOver = false;
  void ended.then(() => (isOver = true));
  for (;;) {
    const { beats: now } = await lookAt(session, id);
    beats.push(...now.filter(({ stage, done }) => stage === 'representation' && done !== beats.at(-1)?.done));
    const activities = await activitiesOf(session.client, id);
    const last = activities.find(({ name, result }) => name === 'pretrain' && (result as PretrainResult).result);
    if (last) return { activities, beats, done: last.ended };
    if (isOver) throw new Error(`Cannot measure ${id} as it must go on to its representation: it ended before`);
    await sleep(LOOK_EVERY_MS);
  }
}

function partsOf(begun: number, done: number, all: Activity[], beats: Beat[]): Omit<Pretraining, 'cpu'> {
  const activities = all.filter(({ ended }) => ended <= done);
  const named = (...names: string[]) => activities.filter(({ name }) => names.includes(name));
  const training = named('pretrain');
  const wall = (done - begun) / 1_000;
  const steps = stepSeconds(beats);
  const views = covered(named('augment'), training) / 1_000;
  const command = (Math.min(...activities.map(({ started }) => started)) - begun) / 1_000;
  return {
    wall,
    command,
    shards: covered(named('survey', 'shard', 'seal')) / 1_000,
    views,
    steps,
    'trainer besides steps': covered(training) / 1_000 - steps,
    'between activities': wall - command - covered(activities) / 1_000,
    overhead: 1 - (steps + views) / wall,
  };
}

/** All steps of the training at the pace of most of them; the first, which compiles, tells no pace. NaN when it was over too soon. */
function stepSeconds(beats: Beat[]): number {
  const paces = beats.flatMap(({ done, imagesPerSecond }) => (done > 1 && imagesPerSecond ? [BATCH / imagesPerSecond] : []));
  return paces.length > 0 ? (beats.at(-1)?.total ?? 0) * summaryOf(paces).median : Number.NaN;
}

/** Images a step, as in recipes/pipeline.yaml. */
const BATCH = 64;
