/** Real trainings on a server that finds a history of 40 events long, so that a run goes on as a new workflow again and again. */
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { PAUSE_UPDATE, PROGRESS_QUERY, RESUME_UPDATE, type RunProgress } from '../../contracts/progress.ts';
import type { RecipeInput } from '../../contracts/recipe.ts';
import type { RunResult } from '../../contracts/scores.ts';
import { openTemporal } from '../servers.ts';
import { freezeTrainer } from './freezing.ts';
import { startWorkers } from './workers.ts';

const RECIPE: RecipeInput = {
  name: 'pages',
  images: { train: { generated: 'shapes', perClass: 30 }, size: 16 },
  views: { jitter: 0 },
  labels: { fractions: [0.5] },
  encoder: { width: 0.0625 },
  pretrain: { epochs: 60, batch: 16 },
  finetune: { epochs: 2, atLeastSteps: 10, batch: 16 },
  distill: { epochs: 2, batch: 16 },
  compute: { threads: 1, checkpointSeconds: 1 },
};

let server: Awaited<ReturnType<typeof openTemporal>>;
beforeAll(async () => {
  server = await openTemporal(['limit.historyCount.suggestContinueAsNew=40']);
}, 120_000);
afterAll(() => server?.stop());

/** With a bucket of its own, as the result must not be found. */
async function served<T>(bucket: string, work: (workers: Awaited<ReturnType<typeof startWorkers>>) => Promise<T>): Promise<T> {
  const workers = await startWorkers({ temporal: server.temporal, s3: inject('services').s3 }, bucket);
  return work(workers).finally(() => workers.stop());
}

test('a run over many pages, paused in the midst of a training, ends in the student of one that was not', async () => {
  const whole = await served('pages-whole', (workers) => workers.run('whole', RECIPE));
  const { result, pages, trainersWhilePaused } = await served('pages-many', async (workers) => {
    const handle = await workers.start('many-pages', { ...RECIPE, pretrain: { ...RECIPE.pretrain, segmentEpochs: 10 } });
    const { trainer } = await freezeTrainer(workers, 'many-pages', 20);
    process.kill(trainer, 'SIGCONT');
    await handle.executeUpdate(PAUSE_UPDATE);
    const trainersWhilePaused = await workers.trainers();
    expect(await handle.query<RunProgress>(PROGRESS_QUERY)).toMatchObject({ paused: true });
    await handle.executeUpdate(RESUME_UPDATE);
    const result = (await handle.result()) as RunResult;
    const pages: string[] = [];
    for await (const { status } of workers.client.workflow.list({ query: `WorkflowId = 'many-pages'` })) pages.push(status.name);
    return { result, pages, trainersWhilePaused };
  });
  expect(trainersWhilePaused).toEqual([]);
  expect(pages.filter((status) => status === 'CONTINUED_AS_NEW').length).toBeGreaterThan(2);
  expect(result.student).toEqual(whole.student);
  expect(result.scores).toEqual(whole.scores);
}, 900_000);
