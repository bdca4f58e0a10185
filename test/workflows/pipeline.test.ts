/** The whole pipeline on real servers with real worker processes, small. */
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
import { Recipe, type RecipeInput } from '../../contracts/recipe.ts';
import type { RunResult } from '../../contracts/scores.ts';
import { openFolder } from '../../learning/images/file-tree.ts';
import { planShards } from '../../learning/images/plan.ts';
import { decodeSafetensors } from '../../learning/safetensors.ts';
import { openArtifacts } from '../../store/artifacts.ts';
import { openS3 } from '../../store/s3.ts';
import { freezeTrainer, isAlive } from './freezing.ts';
import { TINY as RECIPE, startWorkers, type Workers } from './workers.ts';

/** Long enough to be killed in the middle of pretraining, twice, on a fast machine too. */
const LONG: RecipeInput = {
  ...RECIPE,
  name: 'long',
  labels: { fractions: [0.5] },
  pretrain: { epochs: 100, batch: 16, segmentEpochs: 50 },
};

const BUCKET = 'pipeline-test';
let workers: Workers;
beforeAll(async () => {
  workers = await startWorkers(inject('services'), BUCKET);
}, 300_000);
afterAll(() => workers?.stop());

const activitiesOf = (id: string) => workers.activitiesOf(id);

/** Manifests of the finished artifacts of a stage in the bucket, and a way to make the bucket forget them. */
async function artifactsOf(stage: 'representation' | 'classifier'): Promise<{ manifests: Manifest[]; forget(): Promise<void> }> {
  const store = await openS3({ ...inject('services').s3, bucket: BUCKET });
  const keys: string[] = [];
  for await (const { key } of store.list(`${STAGES[stage].prefix}/`)) keys.push(key);
  const finished = keys.filter((key) => /^[^/]+\/[0-9a-f]{32}\/manifest\.json$/.test(key)); // not those of checkpoints
  const texts = await Promise.all(finished.map((key) => store.get(key)));
  return { manifests: texts.map((text) => Manifest.parse(JSON.parse(String(text)))), forget: () => store.remove(keys) };
}

/** Rates of a baseline. With 1000 · 0.01 every step makes the weights more than ten times as large. */
const RATES = { learningRate: { base: 1e-9, scaling: 'none' as const }, alsoTry: [1000, 0.05], weightDecay: 0.01 };
type Judged = { accuracy: number; images: number };

/** What the slice of a classifier says of its training. */
function settingsOf(slice: unknown) {
  type Slice = { architecture: { encoder: { width: number } }; finetune: { learningRate: { base: number }; weightDecay: number } };
  const { architecture, finetune } = slice as Slice;
  return { width: architecture.encoder.width, rate: finetune.learningRate.base, weightDecay: finetune.weightDecay };
}

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
  }, 300_000);

  test('the same recipe again re-uses every stage and gives the same scores', async () => {
    const first = await workers.run('tiny-1b', RECIPE);
    const second = await workers.run('tiny-2', RECIPE);
    expect(second.scores).toEqual(first.scores);
    expect(second.student).toEqual(first.student);
    const counts = await activitiesOf('tiny-2');
    expect(Object.keys(counts)).not.toContain('pretrain');
    expect(Object.keys(counts)).not.toContain('augment');
    expect(Object.keys(counts)).not.toContain('shard');
  }, 300_000);

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
    const finetune = { ...RECIPE.finetune, baseline: { ...RATES, weightDecay: 0.02 } }; // too few labels to try any
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
  }, 300_000);

  test('a small student of two teachers; baselines at the rate that did best on images kept back, where one that diverges loses', async () => {
    const { scores } = await workers.run('small-student', {
      ...RECIPE,
      images: { train: { generated: 'shapes', perClass: 105 }, size: 16 }, // 504 to learn from, 102 of them kept back
      labels: { fractions: [1] },
      encoder: { width: 0.125 },
      pretrain: { epochs: 1, batch: 64, probeEpochs: 1 },
      finetune: { epochs: 1, atLeastSteps: 10, batch: 16, baseline: RATES },
      distill: { epochs: 1, batch: 64, teachers: 2, student: { width: 0.0625 } },
    });
    expect(scores.map(({ model }) => model)).toEqual(['knn', 'probe', 'baseline', 'smallBaseline', 'classifier', 'student']);
    const { stages } = await workers.client.workflow.getHandle('small-student').query<RunProgress>(PROGRESS_QUERY);
    expect(stages.find(({ stage }) => stage === 'classifier')).toMatchObject({ done: 10, total: 10 });
    expect(await activitiesOf('small-student')).toMatchObject({ splitLabels: 3, finetune: 10 }); // six tries, two baselines, two teachers
    const reviews = (await artifactsOf('representation')).manifests.flatMap(({ facts }) => (facts.review ? [facts.review] : []));
    expect(reviews).toEqual([{ epoch: 1, knn: expect.any(Number), probe: expect.any(Number) }]);
    const trained = (await artifactsOf('classifier')).manifests.filter(({ slice }) => settingsOf(slice).weightDecay === RATES.weightDecay);
    for (const width of [0.125, 0.0625]) {
      const own = trained.filter(({ slice }) => settingsOf(slice).width === width);
      const tried = own.flatMap(({ slice, facts }) => (facts.heldOut ? [{ ...settingsOf(slice), ...(facts.heldOut as Judged) }] : []));
      expect(tried.map(({ rate, images }) => [rate, images]).sort()).toEqual([
        [0.05, 102],
        [1e-9, 102],
      ]); // 1000 left no model
      const best = Math.max(...tried.map(({ accuracy }) => accuracy));
      const [baseline] = own.filter(({ facts }) => !facts.heldOut).map(({ slice }) => settingsOf(slice).rate);
      expect(tried.filter(({ accuracy }) => accuracy === best).map(({ rate }) => rate)).toContain(baseline);
    }
  }, 300_000);

  test('trainings that stop early by labels held out of a draw; with too few they go on as without, and the run says so', async () => {
    const plain = await workers.run('tiny-plain', RECIPE);
    const recipe = { ...RECIPE, finetune: { ...RECIPE.finetune, epochs: 30, atLeastSteps: 0, stopping: { patience: 1, holdOut: 0.4 } } };
    const { scores, notes } = await workers.run('tiny-stopped', { ...recipe, labels: { fractions: [1] } });
    expect(notes).toEqual([expect.stringMatching(/^No early stopping with 100 % of the labels, as 25 .*: of ".*" there are 24$/)]);
    expect(scores).toHaveLength(5);
    const few = await workers.run('tiny-not-stopped', { ...RECIPE, finetune: { ...RECIPE.finetune, stopping: { patience: 1 } } });
    expect(few.student).toEqual(plain.student); // every key is the same
    const images = { train: { generated: 'shapes' as const, perClass: 32 }, size: 16 };
    const enough = await workers.run('tiny-stopped-2', { ...recipe, images, labels: { fractions: [1] } });
    expect(enough.notes).toBeUndefined();
    const { manifests } = await artifactsOf('classifier');
    const stopped = manifests.filter(({ facts }) => facts.best);
    expect(stopped).toHaveLength(2); // baseline and classifier
    for (const { facts } of stopped) expect(facts.best).toMatchObject({ epoch: expect.any(Number), heldOut: expect.any(Number) });
  }, 300_000);

  test('labels kept from training give the student a temperature, and the other models none', async () => {
    const { scores } = await workers.run('tiny-calibrated', { ...RECIPE, labels: { fractions: [0.2, 1], calibration: 0.4 } });
    const [few, all] = [30, 84].map((labelled) => scores.filter(({ images }) => images === labelled));
    expect(few?.map(({ images, measures }) => [images, measures?.temperature])).toEqual(Array(5).fill([30, undefined])); // 12 would be too few
    expect(all?.map(({ images, measures }) => [images, measures?.temperature?.images])).toEqual([
      ...Array(4).fill([84, undefined]),
      [84, 60],
    ]);
  }, 300_000);

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
  }, 300_000);

  test('views rendered on the device: no view is ever stored, and the representation is the same to the bit', async () => {
    const written = await workers.run('tiny-4', RECIPE);
    const stored = await artifactsOf('representation');
    await stored.forget();
    const pretrain = { ...RECIPE.pretrain, probeEpochs: 1 }; // too few labels for that
    const handle = await workers.start('tiny-5', { ...RECIPE, pretrain, views: { where: 'device' } });
    const rendered = (await handle.result()) as RunResult;
    const again = await artifactsOf('representation');
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
  }, 300_000);

  test('pretraining starts from the weights of another run, which the store keeps', async () => {
    const { representation } = await workers.run('tiny-6', RECIPE);
    const store = await openS3({ ...inject('services').s3, bucket: BUCKET });
    const manifestOf = async (ref?: { key: string }) =>
      Manifest.parse(JSON.parse(String(await store.get(`${STAGES.representation.prefix}/${ref?.key}/manifest.json`))));
    const file = join(await mkdtemp(join(tmpdir(), 'fewlabels-test-')), 'start.safetensors');
    await writeFile(file, (await store.get((await manifestOf(representation)).objects[0]?.key ?? '')) ?? '');
    const recipe = { ...RECIPE, seed: 2, labels: { fractions: [1] }, pretrain: { ...RECIPE.pretrain, epochs: 1 } };
    const drawn = await workers.run('tiny-7', recipe);
    const started = await workers.run('tiny-8', { ...recipe, pretrain: { ...recipe.pretrain, start: file } });
    expect(await activitiesOf('tiny-8')).toMatchObject({ adopt: 1, pretrain: 1 });
    expect((await manifestOf(started.representation)).inputs).toHaveLength(2);
    expect(started.representation?.digest).not.toBe(drawn.representation?.digest);
    await rm(file);
    const gone = workers.run('tiny-9', { ...recipe, pretrain: { ...recipe.pretrain, start: file } });
    await expect(gone.catch(failureOf)).resolves.toMatchObject({
      kind: 'InvalidRecipe',
      message: expect.stringContaining('it must be a .safetensors file'),
    });
  }, 300_000);

  test('a recipe with mistakes fails at once and names them all', async () => {
    const failed = workers.run('bad', { ...RECIPE, pretrain: { temperature: -1 }, labels: { fractions: [2] } });
    await expect(failed).rejects.toSatisfy((error: Error) => {
      const message = String(error.cause);
      return message.includes('pretrain.temperature') && message.includes('labels.fractions.0');
    });
  }, 60_000);

  test('a killed trainer and a killed training worker change nothing in the student', async () => {
    const undisturbed = await workers.run('long-undisturbed', LONG);
    const disturbed = await startWorkers(inject('services'), 'pipeline-test-killed');
    try {
      await workers.stop(); // both serve the same queues
      const handle = await disturbed.start('long-disturbed', LONG);
      const first = await freezeTrainer(disturbed, 'long-disturbed', 20);
      process.kill(first.trainer, 'SIGKILL');
      const second = await freezeTrainer(disturbed, 'long-disturbed', first.at + 40);
      await disturbed.kill('training');
      process.kill(second.trainer, 'SIGCONT');
      await expect.poll(() => isAlive(second.trainer), { timeout: 5_000 }).toBe(false);
      const result = await handle.result();
      expect(result.student.digest).toBe(undisturbed.student.digest);
      expect(result.scores).toEqual(undisturbed.scores);
    } finally {
      await disturbed.stop();
    }
  }, 600_000);
});
