/** The whole pipeline on real servers with real worker processes, small: what one run makes, and what others find of it. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { failureOf } from '../../cli/failure-text.ts';
import { fetchModel } from '../../cli/outcome.ts';
import { Manifest, STAGES } from '../../contracts/artifacts.ts';
import { PROGRESS_QUERY, type RunProgress } from '../../contracts/progress.ts';
import { Recipe } from '../../contracts/recipe.ts';
import type { RunResult } from '../../contracts/scores.ts';
import { openFolder } from '../../learning/images/file-tree.ts';
import { planShards } from '../../learning/images/plan.ts';
import { decodeSafetensors } from '../../learning/safetensors.ts';
import { openArtifacts } from '../../store/artifacts.ts';
import { openS3 } from '../../store/s3.ts';
import { TINY as RECIPE, startWorkers, type Workers } from './workers.ts';

const BUCKET = 'pipeline-test';
let workers: Workers;
beforeAll(async () => {
  workers = await startWorkers(inject('services'), BUCKET);
}, 600_000);
afterAll(() => workers?.stop());

const activitiesOf = (id: string) => workers.activitiesOf(id);

describe('pipeline', () => {
  test('a recipe gives scores of the representation, baseline, classifier and student at each fraction, a report and a student', async () => {
    const result = await workers.run('tiny-1', RECIPE);
    expect(result.scores.map((score) => `${score.model} ${'fraction' in score && score.fraction}`)).toEqual(
      [0.2, 1].flatMap((fraction) => ['knn', 'probe', 'baseline', 'classifier', 'student'].map((model) => `${model} ${fraction}`)),
    );
    for (const { accuracy, measures } of result.scores) {
      expect(accuracy).toSatisfy((value: number) => value >= 0 && value <= 1);
      const [low, high] = measures?.interval ?? [];
      expect([low, high]).toEqual([expect.toSatisfy((end) => end <= accuracy), expect.toSatisfy((end) => end >= accuracy)]);
    }
    expect(result.setAside).toEqual({ count: 0, examples: [] });
    expect(await activitiesOf('tiny-1')).toMatchObject({ survey: 1, pretrain: 2, finetune: 4, writeReport: 1, deleteViews: 2 });
    const attributes = (await workers.client.workflow.getHandle('tiny-1').describe()).searchAttributes;
    expect(attributes).toMatchObject({ FewlabelsRecipe: ['tiny'], FewlabelsStage: ['report'] });
  }, 600_000);

  test('the same recipe again re-uses every stage and gives the same scores', async () => {
    const first = await workers.run('tiny-1b', RECIPE);
    const second = await workers.run('tiny-2', RECIPE);
    expect(second.scores).toEqual(first.scores);
    expect(second.student).toEqual(first.student);
    const counts = await activitiesOf('tiny-2');
    expect(Object.keys(counts)).not.toContain('pretrain');
    expect(Object.keys(counts)).not.toContain('augment');
    expect(Object.keys(counts)).not.toContain('shard');
  }, 600_000);

  test('a recorded run replays on this code', async () => {
    const history = await workers.client.workflow.getHandle('tiny-1').fetchHistory();
    const workflowsPath = fileURLToPath(new URL('../../workflows/index.ts', import.meta.url));
    await expect(Worker.runReplayHistory({ workflowsPath }, history)).resolves.toBeUndefined();
    const forged = (history.events ?? []).filter(({ activityTaskScheduledEventAttributes: task }) => task?.activityType?.name !== 'survey');
    await expect(Worker.runReplayHistory({ workflowsPath }, { events: forged })).rejects.toThrow();
  }, 120_000);

  test('other labels, here those that a file names, re-use shards and representation; graded classes have a kappa', async () => {
    const file = join(await mkdtemp(join(tmpdir(), 'fewlabels-test-')), 'ids.txt');
    const { images, seed } = Recipe.parse(RECIPE);
    const { chunks } = await planShards({ images, seed, openTree: openFolder });
    const pool = [...chunks].filter(({ role }) => role === 'pool').flatMap((chunk) => chunk.images);
    const named = pool.filter(({ label }, i) => pool.findIndex((other) => other.label === label) === i);
    await writeFile(file, named.map(({ id }) => id).join('\n'));
    const finetune = { ...RECIPE.finetune, baseline: { alsoTry: [1000, 0.05] } }; // too few labels to try any
    const pretrain = { ...RECIPE.pretrain, probeEpochs: 1 };
    const { scores, notes } = await workers.run('tiny-3', { ...RECIPE, pretrain, finetune, labels: { file, graded: true } });
    expect(notes?.[0]).toBe('No probe while pretraining, as the representation that is re-used was learnt without one');
    expect(scores.map(({ model, images }) => `${model} ${images}`)).toEqual(
      ['knn', 'probe', 'baseline', 'classifier', 'student'].map((model) => `${model} ${named.length}`),
    );
    for (const { measures } of scores) expect(measures?.kappa).toEqual(expect.any(Number));
    const counts = await activitiesOf('tiny-3');
    expect(Object.keys(counts)).not.toContain('pretrain');
    expect(counts).toMatchObject({ finetune: 2, splitLabels: 1 });
  }, 600_000);

  test('a crop of evaluation re-uses every model, is evaluated anew, and goes with the student', async () => {
    const store = await openS3({ ...inject('services').s3, bucket: BUCKET });
    const artifacts = openArtifacts(store, { writer: 'test' });
    const evaluations = async () => {
      let manifests = 0;
      for await (const { key } of store.list(`${STAGES.evaluation.prefix}/`)) manifests += Number(key.endsWith('/manifest.json'));
      return manifests;
    };
    const whole = await workers.run('whole', RECIPE);
    const before = await evaluations();
    const middle = await workers.run('middle', { ...RECIPE, images: { ...RECIPE.images, evaluationCrop: 0.75 } });
    expect(middle.student).toEqual(whole.student);
    expect(await evaluations()).toBe(before + 2);
    const cropOf = async (run: RunResult) => decodeSafetensors(await fetchModel(artifacts, 'student', run)).metadata.evaluationCrop;
    expect([await cropOf(whole), await cropOf(middle)]).toEqual([undefined, '0.75']);
  }, 600_000);

  test('views rendered on the device: no view is ever stored, and the representation is the same to the bit', async () => {
    const written = await workers.run('tiny-4', RECIPE);
    const stored = await workers.artifactsOf('representation');
    await stored.forget();
    const pretrain = { ...RECIPE.pretrain, probeEpochs: 1 }; // too few labels for that
    const handle = await workers.start('tiny-5', { ...RECIPE, pretrain, views: { ...RECIPE.views, where: 'device' } });
    const rendered = (await handle.result()) as RunResult;
    const again = await workers.artifactsOf('representation');
    const { key, digest } = written.representation ?? {};
    const viewsOf = ({ manifests }: { manifests: Manifest[] }) =>
      manifests.filter((manifest) => manifest.key === key).map(({ digest, made }) => ({ digest, views: made.views }));
    expect([viewsOf(stored), viewsOf(again)]).toEqual([[{ digest, views: 'workers' }], [{ digest, views: 'device' }]]);
    expect(rendered.student).toEqual(written.student);
    const counts = await activitiesOf('tiny-5');
    expect(counts).toMatchObject({ pretrain: 2 });
    for (const name of ['augment', 'deleteViews']) expect(Object.keys(counts)).not.toContain(name);
    const { stages, notes } = await handle.query<RunProgress>(PROGRESS_QUERY);
    expect(notes).toEqual([expect.stringMatching(/^No probe while pretraining, as about 500 .* there are 144$/)]);
    expect(rendered.notes).toEqual(notes);
    expect(stages.find(({ stage }) => stage === 'views')).toMatchObject({ state: 'done', note: 'rendered while training' });
  }, 600_000);

  test('pretraining starts from the weights of another run, which the store keeps', async () => {
    const { representation } = await workers.run('tiny-6', RECIPE);
    const store = await openS3({ ...inject('services').s3, bucket: BUCKET });
    const manifestOf = async (ref?: { key: string }) =>
      Manifest.parse(JSON.parse(String(await store.get(`${STAGES.representation.prefix}/${ref?.key}/manifest.json`))));
    const file = join(await mkdtemp(join(tmpdir(), 'fewlabels-test-')), 'start.safetensors');
    await writeFile(file, (await store.get((await manifestOf(representation)).objects[0]?.key ?? '')) ?? '');
    const recipe = { ...RECIPE, labels: { fractions: [1] } };
    const started = await workers.run('tiny-8', { ...recipe, pretrain: { ...recipe.pretrain, start: file } });
    expect(await activitiesOf('tiny-8')).toMatchObject({ adopt: 1, pretrain: 2 });
    expect((await manifestOf(started.representation)).inputs).toHaveLength(2);
    expect(started.representation?.digest).not.toBe(representation?.digest);
    await rm(file);
    const gone = workers.run('tiny-9', { ...recipe, pretrain: { ...recipe.pretrain, start: file } });
    await expect(gone.catch(failureOf)).resolves.toMatchObject({
      kind: 'InvalidRecipe',
      message: expect.stringContaining('it must be a .safetensors file'),
    });
  }, 600_000);

  test('a recipe with mistakes fails at once and names them all', async () => {
    const failed = workers.run('bad', { ...RECIPE, pretrain: { temperature: -1 }, labels: { fractions: [2] } });
    await expect(failed).rejects.toSatisfy((error: Error) => {
      const message = String(error.cause);
      return message.includes('pretrain.temperature') && message.includes('labels.fractions.0');
    });
  }, 60_000);
});
