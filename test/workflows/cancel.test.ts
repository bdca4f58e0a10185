/**
 * A run cancelled in each of its stages, one after the other, always going on from where it was, on real servers with real workers. Each stage
 * is met by holding a request of its to the object store.
 */
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { failureOf } from '../../cli/failure-text.ts';
import type { RecipeInput } from '../../contracts/recipe.ts';
import { type FaultyProxy, openFaultyProxy } from '../store/faulty-proxy.ts';
import { startWorkers, TINY, type Workers } from './workers.ts';

const RECIPE: RecipeInput = { ...TINY, name: 'cancelled', labels: { fractions: [0.5] }, pretrain: { ...TINY.pretrain, epochs: 2 } };
const BUCKET = 'cancel-test';
/** Half a second at most where nothing else computes. */
const SOON_MS = 10_000;
/** For whatever comes before a stage. */
const PATIENCE_MS = 900_000;

let proxy: FaultyProxy;
let workers: Workers;
beforeAll(async () => {
  const services = inject('services');
  proxy = await openFaultyProxy(services.s3.endpoint);
  workers = await startWorkers({ ...services, s3: { ...services.s3, endpoint: proxy.endpoint } }, BUCKET);
}, PATIENCE_MS);
afterAll(async () => {
  await workers?.stop();
  await proxy?.close();
});

const ARTIFACT = '[0-9a-f]{32}/';
/** The first thing that a stage writes; `waits`: the run waits for what it has under way, to keep what was learnt. */
const stages: { stage: string; writes: string; waits?: true }[] = [
  { stage: 'survey', writes: '1-shards/plans/' },
  { stage: 'shards', writes: `1-shards/${ARTIFACT}` },
  { stage: 'seal', writes: '1-shards/sets/' },
  { stage: 'views', writes: '2-views/' },
  { stage: 'pretrain', writes: `3-representation/${ARTIFACT}`, waits: true },
  { stage: 'labels', writes: '4-classifier/labels/' },
  { stage: 'baseline', writes: `4-classifier/${ARTIFACT}`, waits: true },
  { stage: 'finetune', writes: `4-classifier/${ARTIFACT}`, waits: true },
  { stage: 'distil', writes: `5-student/${ARTIFACT}`, waits: true },
  { stage: 'evaluate', writes: '6-report/evaluations/', waits: true },
  { stage: 'report', writes: `6-report/${ARTIFACT}` },
];
/** Classifiers that were met: the baseline is not met again where fine-tuning is meant. */
const met = new Set<string>();

test.each(stages)(
  'cancel in $stage: the run is soon over',
  async ({ stage, writes, waits }) => {
    const isOfStage = new RegExp(`^PUT /${BUCKET}/${writes}`);
    const gate = proxy.gate((line) => isOfStage.test(line) && !met.has(artifactOf(line)));
    const handle = await workers.start('cancelled', RECIPE);
    const ended = handle.result().catch(failureOf);
    const line = await gate.reached;
    const asked = performance.now();
    await handle.cancel();
    if (waits) gate.open();
    await expect(ended).resolves.toMatchObject({ state: 'cancelled' });
    expect(performance.now() - asked).toBeLessThan(SOON_MS);
    if (stage === 'baseline') met.add(artifactOf(line));
    gate.open();
  },
  PATIENCE_MS + SOON_MS,
);

const artifactOf = (line: string): string => /[0-9a-f]{32}/.exec(line)?.[0] ?? line;

test(
  'the same recipe, run after all that, has the student of a run that nobody disturbed',
  async () => {
    const disturbed = await workers.run('cancelled', RECIPE);
    expect(await workers.trainers()).toEqual([]);
    await workers.emptyBucket();
    const undisturbed = await workers.run('undisturbed', RECIPE);
    expect(await workers.activitiesOf('undisturbed')).toMatchObject({ survey: 1, pretrain: 1, finetune: 2, distill: 1, evaluate: 1 });
    expect(disturbed.student).toEqual(undisturbed.student);
    expect(disturbed.scores).toEqual(undisturbed.scores);
  },
  2 * PATIENCE_MS,
);
