/**
 * The loop that pretraining, fine-tuning and distillation share: read a batch, take a step, and every so often tell, keep a point of
 * the curve, copy a checkpoint, which is written while it goes on. It draws nothing and knows no clock but the one it is given.
 */

import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { CurvePoint } from '../../contracts/progress.ts';
import type { Architecture, ShardFiles } from '../../contracts/trainer.ts';
import { epochBatches, type Rows, ShardBuffers, windowImages } from '../feed.ts';
import type { Network } from '../networks/network.ts';
import { initialState, type ParameterSpec, type State } from '../networks/parameters.ts';
import type { Optimizer } from '../optimizers/optimizer.ts';
import { learningRateAt, type TrainingPlan } from '../plan.ts';
import { loadCheckpoint, type Position, type Snapshot, saveModel, snapshot, writeCheckpoint } from '../state.ts';
import { type Step, stepper } from '../steps/step.ts';
import { type Tensor, tf } from '../tensorflow.ts';
import { Log, type Metrics, type Surroundings } from './log.ts';
import { apart, bestOf, bestSlots, fromSlots, intoSlots, isOver, isReviewDue, latestReview, type Reviewer, reviewOf } from './review.ts';

/**
 * `finished`: the job came to its end; else it was stopped, and its last checkpoint says where. `waitedSeconds`: how long steps waited
 * for their batches.
 */
export type Outcome = { finished: boolean; facts: Record<string, unknown>; waitedSeconds?: number };

/** One training, ready to run. */
export type Training<Batch extends { learningRate: Tensor }> = {
  job: { seed: number; checkpointSeconds: number; resume?: string; shards: ShardFiles };
  architecture: Architecture;
  plan: TrainingPlan;
  /** The recipe's key of its learning rate. */
  rateKey: string;
  /** Where this job ends; the model is written when this is the end of the plan. */
  untilEpoch: number;
  network: Network;
  optimizer: Optimizer;
  step: Step<Batch, Metrics>;
  /** What the state holds besides the network and its optimizer's slots. */
  more?: ParameterSpec[];
  /** First weights and statistics; without it they are drawn. The loop owns them. */
  weights?(): Promise<State>;
  /** Views of each image that a batch shows the network. */
  views: 1 | 2;
  /** The tensors of a batch. The loop owns them. */
  batch(rows: Rows, epoch: number): Omit<Batch, 'learningRate'>;
  /** What its curve so far tells of a training that goes wrong without failing, and what to change. */
  warning?(curve: CurvePoint[]): string | undefined;
  reviewer?: Reviewer;
};

export const MODEL_FILE = 'model.safetensors';

/**
 * Train from the job's checkpoint, or from the start, to the end of `untilEpoch` or until stopped.
 * Going on from a checkpoint gives the same bits as never having stopped, on the same kind of machine with the same threads.
 * @throws Failure TrainingDiverged when the loss or a weight is no longer finite; DataIntegrity when an input does not fit
 */
export async function train<B extends { learningRate: Tensor }>(training: Training<B>, around: Surroundings): Promise<Outcome> {
  const { plan, architecture, network, reviewer } = training;
  const end = Math.min(training.untilEpoch, plan.epochs) * plan.stepsPerEpoch;
  const log = new Log(plan, around, training.warning);
  const start = await begin(training, around.folder);
  let { best } = start;
  log.resume(start);
  const course = stepper(training.step as Step<B & Record<string, Tensor>, Metrics>, around.execution, start.state);
  /** The checkpoint that is written while training goes on. */
  let writing: Promise<void> = Promise.resolve();
  let isWriting = false;
  const checkpoint = (final: boolean) => {
    const told = log.checkpoint(final);
    const state = course.state();
    const write = async (copy: Snapshot) => {
      await writeCheckpoint(join(around.folder, 'out', told.file), copy);
      log.kept(told);
    };
    try {
      writing = write(snapshot({ ...state, ...best }, architecture, told));
    } finally {
      tf.dispose(state);
    }
    isWriting = true;
    writing.finally(() => (isWriting = false)).catch(() => undefined); // the loop awaits it
  };
  const isDue = (step: number) => reviewer !== undefined && isReviewDue(reviewer, plan, step);
  /** @returns false when it was stopped before the end */
  const review = async (): Promise<boolean> => {
    if (!reviewer || !isDue(log.step) || log.isReviewed) return true;
    const state = course.state();
    try {
      const found = await reviewer.review(state, (images) => log.alive(images));
      if (!found) return false;
      log.reviewed(found);
      if (best && bestOf(log.curve)?.step === log.step) {
        tf.dispose(best);
        best = intoSlots(state, network.parameters);
      }
      return true;
    } finally {
      tf.dispose(state);
    }
  };
  const isEnd = () => log.step >= end || (reviewer?.patience !== undefined && isOver(log.curve, reviewer.patience));
  let [waited, ready] = [0, around.now()];
  try {
    let isWhole = await review(); // one that was cut off
    for await (const { rows, epoch } of batches(training, around, log.step, isEnd)) {
      waited += around.now() - ready;
      const learningRate = learningRateAt(plan, log.step);
      const batch = { ...training.batch(rows, epoch), learningRate: tf.scalar(learningRate) } as B & Record<string, Tensor>;
      log.note(course.take(batch), learningRate, isDue(log.step + 1));
      tf.dispose(Object.values(batch));
      isWhole = await review();
      if (!isWriting) await writing; // at once; it may have failed
      if (!isWriting && !isEnd() && log.checkpointDue(training.job.checkpointSeconds)) checkpoint(false);
      await setImmediate(); // messages come and go between steps
      ready = around.now();
    }
    const finished = isEnd() && isWhole;
    await writing;
    if (log.step > log.keptStep) checkpoint(finished);
    await writing;
    if (finished && training.untilEpoch >= plan.epochs) {
      const state = course.state();
      const model = best ? fromSlots(best) : state;
      const file = join(around.folder, 'out', MODEL_FILE);
      await saveModel(file, model, network.parameters, architecture).finally(() => tf.dispose(state));
    }
    const told = { warning: log.warning, review: latestReview(log.curve), best: best && reviewOf(bestOf(log.curve)) };
    const facts = { steps: log.step, batch: plan.batch, epochs: plan.epochs, ...log.last, curve: log.curve, ...told };
    return { finished, facts, waitedSeconds: waited / 1000 };
  } catch (error) {
    await writing.catch(() => undefined); // it may be the last good one
    throw log.told(error, training.rateKey);
  } finally {
    course.free();
    tf.dispose(best ?? {});
  }
}

/** The state of the checkpoint, or fresh weights and empty slots; apart from it the best weights so far, where training may stop early. */
async function begin<B extends { learningRate: Tensor }>(
  training: Training<B>,
  folder: string,
): Promise<{ state: State; best?: State } & Position> {
  const { job, architecture, network, optimizer, reviewer, more = [] } = training;
  const best = reviewer?.patience === undefined ? [] : bestSlots(network.parameters);
  const parameters = [...network.parameters, ...optimizer.slots, ...more, ...best];
  const split = (state: State) => (best.length > 0 ? apart(state) : { state });
  if (job.resume) {
    const { state, ...position } = await loadCheckpoint(join(folder, 'in', job.resume), architecture, parameters);
    return { ...split(state), ...position };
  }
  const given = (await training.weights?.()) ?? {};
  const drawn = initialState(
    parameters.filter(({ name }) => !given[name]),
    job.seed,
    given,
  );
  return { ...split({ ...drawn, ...given }), step: 0, curve: [] };
}

/** Batches from a step on, up to the end, which is at the end of an epoch, or until stopped. */
async function* batches<B extends { learningRate: Tensor }>(
  { job, plan, architecture, views }: Training<B>,
  { folder, stop, onAlive }: Surroundings,
  from: number,
  isEnd: () => boolean,
): AsyncGenerator<{ rows: Rows; epoch: number }> {
  const buffers = new ShardBuffers();
  for (let step = from; !isEnd(); ) {
    const epoch = Math.floor(step / plan.stepsPerEpoch);
    const { seed, shards } = job;
    const feed = epochBatches({
      folder: join(folder, 'in'),
      seed,
      epoch,
      shards,
      batch: plan.batch,
      skipBatches: step % plan.stepsPerEpoch,
      windowImages: windowImages(architecture.size, views),
      buffers,
      onRead: onAlive,
    });
    for (;;) {
      const next = await nextOrStop(feed, stop);
      if (!next || stop.aborted) return void feed.return(undefined); // not awaited: it may be waiting for a file
      if (next.done) break;
      step++;
      yield { rows: next.value, epoch };
    }
  }
}

/** The next item, or undefined once stopped. Not `Promise.race` with a promise that lives on: that would hold every item it ever gave. */
function nextOrStop<T>(items: AsyncGenerator<T>, stop: AbortSignal): Promise<IteratorResult<T> | undefined> {
  return new Promise((resolve, reject) => {
    if (stop.aborted) return resolve(undefined);
    const stopped = () => resolve(undefined);
    stop.addEventListener('abort', stopped, { once: true });
    const settled = () => stop.removeEventListener('abort', stopped);
    items.next().then(resolve, reject).finally(settled);
  });
}

/** How many images these shards hold together. */
export const imagesIn = (shards: ShardFiles): number => shards.reduce((sum, { images }) => sum + images, 0);
