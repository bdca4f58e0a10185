/** Long runs on a real server that finds a history of 60 events long: real workflows, played activities. */
import { setTimeout as sleep } from 'node:timers/promises';
import { ApplicationFailure, cancelled, heartbeat } from '@temporalio/activity';
import type { WorkflowExecutionInfo } from '@temporalio/client';
import { Worker } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { failureOf } from '../../cli/failure-text.ts';
import { PAUSE_UPDATE, PROGRESS_QUERY, RESUME_UPDATE, type RunProgress } from '../../contracts/progress.ts';
import { QUEUES, WORKFLOW_TYPE } from '../../contracts/queues.ts';
import type { RecipeInput } from '../../contracts/recipe.ts';
import type { RunResult } from '../../contracts/scores.ts';
import { fewlabels } from '../cli/command.ts';
import { openTemporal } from '../servers.ts';
import { type Activities, playedStore, playRuns } from './played.ts';
import { WORKFLOWS } from './workers.ts';

const LONG_HISTORY = 60;
const STORE = { S3_ENDPOINT: 'http://127.0.0.1:9', AWS_ACCESS_KEY_ID: 'none', AWS_SECRET_ACCESS_KEY: 'none' }; // nobody asks it
/** `SEGMENTS=1000 npx vitest run test/workflows/chains.test.ts -t segments` for the long one. */
const SEGMENTS = Number(process.env.SEGMENTS ?? 60);

let server: Awaited<ReturnType<typeof openTemporal>>;
let runs: Awaited<ReturnType<typeof playRuns>>;
beforeAll(async () => {
  server = await openTemporal([`limit.historyCount.suggestContinueAsNew=${LONG_HISTORY}`]);
  runs = await playRuns(server.temporal);
}, 300_000);
afterAll(async () => {
  await runs?.stop();
  await server?.stop();
});

const recipeOf = (changes: Partial<RecipeInput> = {}): RecipeInput => ({
  name: 'played',
  images: { train: 'nowhere' },
  labels: { fractions: [0.5] },
  pretrain: { epochs: 4, segmentEpochs: 1 },
  distill: { epochs: 1 },
  views: { where: 'workers' },
  ...changes,
});

async function start(id: string, recipe: RecipeInput, activities: Activities) {
  runs.play(activities);
  return runs.client.workflow.start(WORKFLOW_TYPE, {
    workflowId: id,
    taskQueue: QUEUES.pipeline,
    args: [recipe],
    workflowTaskTimeout: '1 minute',
  });
}

const result = async (id: string, recipe: RecipeInput, activities: Activities) =>
  (await (await start(id, recipe, activities)).result()) as RunResult;

const stagesOf = async (id: string) => (await runs.client.workflow.getHandle(id).query<RunProgress>(PROGRESS_QUERY)).stages;

/** The workflows that a run was, oldest first. */
async function pagesOf(id: string): Promise<WorkflowExecutionInfo[]> {
  const pages: WorkflowExecutionInfo[] = [];
  for await (const page of runs.client.workflow.list({ query: `WorkflowId = '${id}'` })) pages.push(page);
  return pages.reverse();
}

describe('a history that grows long', () => {
  test('the run goes on as a new workflow: nothing is done twice, and it tells as if it were one', async () => {
    const store = playedStore();
    const finetune = { baseline: { alsoTry: [0.4] } };
    const recipe = recipeOf({ pretrain: { epochs: 20, segmentEpochs: 1 }, labels: { fractions: [0.1, 0.5, 1], draws: 4 }, finetune });
    await result('paged', recipe, store.activities);
    expect(store.count()).toEqual({
      survey: 1,
      shard: 3,
      seal: 1,
      findRepresentation: expect.toSatisfy((count) => count > 2),
      augment: expect.toSatisfy((count) => count >= 40 && count <= 60), // those written ahead are found again on a new page
      pretrain: 20,
      deleteViews: 20,
      drawLabels: 9, // all labels are drawn once
      splitLabels: 9,
      finetune: 18,
      distill: 9,
      evaluate: 9,
      writeReport: 1,
    });
    expect(store.views.size).toBe(0);
    expect((await stagesOf('paged')).map(({ stage, state, done, total }) => [stage, state, done, total])).toEqual([
      ['shards', 'done', 3, 3],
      ['views', 'done', 40, 40],
      ['representation', 'done', 20, 20],
      ['classifier', 'done', 18, 18],
      ['student', 'done', 9, 9],
      ['report', 'done', 1, 1],
    ]);
    const pages = await pagesOf('paged');
    expect(pages.length).toBeGreaterThan(4);
    for (const { historyLength } of pages) expect(historyLength).toBeLessThan(LONG_HISTORY + 9 * 6 + 20); // of nine draws, one call each
  }, 300_000);

  test('a rate that diverges is tried once, on whatever page', async () => {
    const store = playedStore();
    const { finetune } = store.activities;
    const splitLabels: Activities['splitLabels'] = async ({ labels }) => ({ split: { ...labels, key: `part of ${labels.key}` } });
    const tried: string[] = [];
    const diverging: Activities['finetune'] = async (input) => {
      const { base } = input.finetune.baseline.learningRate;
      if (input.judged) tried.push(`${base} ${input.labels.key}`);
      if (base === 0.4) throw ApplicationFailure.nonRetryable('not a number', 'TrainingDiverged');
      return finetune(input);
    };
    const recipe = recipeOf({ labels: { fractions: [0.1, 0.5], draws: 6 }, finetune: { baseline: { alsoTry: [0.4, 0.2] } } });
    await result('diverging', recipe, { ...store.activities, splitLabels, finetune: diverging });
    expect((await pagesOf('diverging')).length).toBeGreaterThan(2);
    expect(tried).toHaveLength(12 * 3);
    expect(new Set(tried).size).toBe(12 * 3);
  }, 300_000);

  test('list and status show one run, counted from its true start', async () => {
    const [first, ...others] = await pagesOf('paged');
    expect(others.length).toBeGreaterThan(0);
    const environment = { TEMPORAL_ADDRESS: server.temporal.address, ...STORE };
    const list = JSON.parse((await fewlabels(['list', '--json'], environment)).out) as { runs: { run: string; started: string }[] };
    expect(list.runs.filter(({ run }) => run === 'paged')).toEqual([
      expect.objectContaining({ started: first?.startTime.toISOString(), state: 'done', recipe: 'played' }),
    ]);
    const status = JSON.parse((await fewlabels(['status', 'paged', '--json'], environment)).out) as { seconds: number };
    const last = others.at(-1)?.closeTime?.getTime() ?? 0;
    expect(status.seconds).toBe(Math.round((last - (first?.startTime.getTime() ?? 0)) / 1000));
  }, 60_000);

  test('many segments: no history is longer than what one segment adds to the limit, and all replay', async () => {
    const store = playedStore();
    const recipe = recipeOf({ pretrain: { epochs: SEGMENTS, segmentEpochs: 1 }, views: { where: 'device' } });
    await result('segments', recipe, store.activities);
    expect(store.count()).toMatchObject({ survey: 1, pretrain: SEGMENTS, distill: 1 });
    const pages = await pagesOf('segments');
    expect(pages.length).toBeGreaterThan(SEGMENTS / 20);
    expect(Math.max(...pages.map(({ historyLength }) => historyLength))).toBeLessThan(LONG_HISTORY + 20);
    expect(Math.max(...pages.map(({ historySize }) => historySize ?? 1e9))).toBeLessThan(100_000); // bytes; 27,203 for a thousand segments
    const histories = [];
    for (const { runId: workflowId } of pages)
      histories.push({ workflowId, history: await runs.client.workflow.getHandle('segments', workflowId).fetchHistory() });
    for await (const { error } of Worker.runReplayHistories({ workflowsPath: WORKFLOWS }, histories)) expect(error).toBeUndefined();
  }, 1_200_000);

  test('shards and views of millions of images are made in blocks', async () => {
    const store = playedStore(22_500);
    await result('many', recipeOf({ pretrain: { epochs: 2, segmentEpochs: 1 } }), store.activities);
    for (const [name, count, times] of [
      ['shard', 22_501, 1],
      ['augment', 22_500, 2],
    ] as const) {
      const blocks = new Map(store.inputsOf(name).map((input) => [JSON.stringify(input), input]));
      expect(blocks.size).toBeLessThanOrEqual(200 * times);
      expect([...blocks.values()].reduce((sum, { shard, to = 0 }) => sum + to - shard, 0)).toBe(count * times);
    }
    expect((await stagesOf('many')).slice(0, 2).map(({ done, total }) => [done, total])).toEqual([
      [22_501, 22_501],
      [45_000, 45_000],
    ]);
  }, 300_000);
});

describe('a chain of segments', () => {
  test('goes where the store says it stands: back to an older checkpoint, whose views are written again, or ahead', async () => {
    const store = playedStore();
    const { pretrain } = store.activities;
    let fallen = false;
    const falling: Activities['pretrain'] = async (input) => {
      if (input.segment.from === 4 && !fallen) {
        fallen = true;
        store.done.representation = 1;
        return { epochsDone: 1 };
      }
      const state = await pretrain(input);
      if (input.segment.from !== 6) return state;
      store.done.representation = 8; // by another run meanwhile
      return { epochsDone: 8 };
    };
    const recipe = recipeOf({ pretrain: { epochs: 10, segmentEpochs: 1 } });
    await result('fallen', recipe, { ...store.activities, pretrain: falling });
    expect(store.inputsOf('pretrain').map(({ segment }) => segment.from)).toEqual([0, 1, 2, 3, 1, 2, 3, 4, 5, 6, 8, 9]);
    expect(store.views.size).toBe(0);
    expect((await stagesOf('fallen'))[2]).toMatchObject({ state: 'done', done: 10, total: 10 });
  }, 120_000);

  test('that loses its checkpoints as fast as it makes them fails, and says where', async () => {
    const store = playedStore();
    const pretrain: Activities['pretrain'] = async ({ segment }) => ({ epochsDone: Math.min(segment.to, 1) });
    const failed = result('losing', recipeOf(), { ...store.activities, pretrain });
    await expect(failed.catch(failureOf)).resolves.toEqual({
      state: 'failed',
      kind: 'DataIntegrity',
      message: 'Cannot go on training as the representation must get beyond epoch 1: it fell back 5 times, last to epoch 1',
    });
  }, 120_000);

  test('writes the views of a segment again three times, when another run deletes them, and no more', async () => {
    const missing = (times: number) => {
      const store = playedStore();
      const { pretrain } = store.activities;
      let left = times;
      const deleted: Activities['pretrain'] = async (input) => {
        if (input.segment.from === 2 && left-- > 0) throw ApplicationFailure.nonRetryable('gone', 'ViewsMissing');
        return pretrain(input);
      };
      return { ...store, activities: { ...store.activities, pretrain: deleted } };
    };
    const lucky = missing(3);
    await result('shared', recipeOf(), lucky.activities);
    const written = lucky.inputsOf('augment').filter(({ segment }) => segment.from === 2);
    expect(written.map(({ own }) => own)).toEqual([undefined, undefined, ...Array(2 * 3).fill('shared')]);
    expect((await stagesOf('shared'))[1]).toMatchObject({ state: 'done', done: 8, total: 8 });
    const failed = result('unlucky', recipeOf(), missing(4).activities);
    await expect(failed.catch(failureOf)).resolves.toMatchObject({ kind: 'ViewsMissing' });
  }, 120_000);
});

describe('runs that share their views', () => {
  test('a run loses those of a segment once, however often others delete them', async () => {
    const store = playedStore();
    const { pretrain } = store.activities;
    const deleted: Activities['pretrain'] = async (input) => {
      if (!input.own) throw ApplicationFailure.nonRetryable('gone', 'ViewsMissing');
      return pretrain(input);
    };
    await result('sharing', recipeOf(), { ...store.activities, pretrain: deleted });
    expect(store.inputsOf('augment').filter(({ own }) => own)).toHaveLength(4 * 2); // of each shard and segment
    expect([...store.views].filter((name) => name.endsWith('sharing'))).toEqual([]);
  }, 120_000);
});

describe('a run that is told to stop', () => {
  test('pause stops its trainings and waits for them; resume takes them up; what is done stays done', async () => {
    const store = playedStore();
    const { pretrain } = store.activities;
    const trainings: string[] = [];
    const patient: Activities['pretrain'] = async (input) => {
      if (input.segment.from !== 1 || trainings.includes('checkpoint')) return pretrain(input);
      trainings.push('training');
      const beat = setInterval(() => heartbeat(), 200);
      await cancelled().catch(async (stopped: unknown) => {
        clearInterval(beat);
        await sleep(500);
        trainings.push('checkpoint');
        throw stopped;
      });
      throw new Error('never');
    };
    const handle = await start('paused', recipeOf(), { ...store.activities, pretrain: patient });
    await expect.poll(() => trainings, { timeout: 30_000 }).toEqual(['training']);
    await handle.executeUpdate(PAUSE_UPDATE);
    expect(trainings).toEqual(['training', 'checkpoint']);
    expect(await handle.query<RunProgress>(PROGRESS_QUERY)).toMatchObject({ paused: true });
    const environment = { TEMPORAL_ADDRESS: server.temporal.address, ...STORE };
    expect((await fewlabels(['status', 'paused'], environment)).out).toMatch(/^paused: paused, .*\n(.*\n)*⏸ `npx fewlabels resume paused`/);
    expect((await fewlabels(['pause', 'paused'], environment)).status).toBe(0); // it is already
    await sleep(1_000);
    expect(store.inputsOf('pretrain').map(({ segment }) => segment.from)).toEqual([0]);
    expect((await fewlabels(['resume', 'paused'], environment)).status).toBe(0);
    await handle.result();
    expect(store.inputsOf('pretrain').map(({ segment }) => segment.from)).toEqual([0, 1, 2, 3]);
    expect((await fewlabels(['resume', 'paused'], environment)).err).toContain('Cannot resume paused as only a running run can be');
    expect(RESUME_UPDATE).toBe('resume');
  }, 120_000);

  test('pause holds a training that fails in its own way as it is stopped, too', async () => {
    const store = playedStore();
    const { pretrain } = store.activities;
    let tries = 0;
    const failing: Activities['pretrain'] = async (input) => {
      if (input.segment.from !== 1 || tries++ > 0) return pretrain(input);
      const beat = setInterval(() => heartbeat(), 200);
      await cancelled().catch(() => clearInterval(beat));
      throw ApplicationFailure.retryable('the worker ends', 'TrainerCrashed');
    };
    const handle = await start('paused-and-failed', recipeOf(), { ...store.activities, pretrain: failing });
    await expect.poll(() => tries, { timeout: 30_000 }).toBe(1);
    await handle.executeUpdate(PAUSE_UPDATE);
    expect(await handle.query<RunProgress>(PROGRESS_QUERY)).toMatchObject({ paused: true });
    await handle.executeUpdate(RESUME_UPDATE);
    await handle.result();
    expect(tries).toBe(2);
  }, 120_000);

  test('cancel does not wait for light work that does not listen', async () => {
    const store = playedStore();
    let surveying = false;
    const survey: Activities['survey'] = () => {
      surveying = true;
      return new Promise(() => undefined);
    };
    const handle = await start('cancelled', recipeOf(), { ...store.activities, survey });
    await expect.poll(() => surveying, { timeout: 30_000 }).toBe(true);
    const asked = Date.now();
    await handle.cancel();
    await expect(handle.result().catch(failureOf)).resolves.toMatchObject({ state: 'cancelled' });
    expect(Date.now() - asked).toBeLessThan(5_000);
  }, 120_000);
});
