/** Trainings that are judged by labels held out of their own, on real servers with real worker processes, small. */
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { PROGRESS_QUERY, type RunProgress } from '../../contracts/progress.ts';
import { TINY as RECIPE, startWorkers, type Workers } from './workers.ts';

let workers: Workers;
beforeAll(async () => {
  workers = await startWorkers(inject('services'), 'held-out-test');
}, 300_000);
afterAll(() => workers?.stop());

/** Rates of a baseline. With 1000 · 0.01 every step makes the weights more than ten times as large. */
const RATES = { learningRate: { base: 1e-9, scaling: 'none' as const }, alsoTry: [1000, 0.05], weightDecay: 0.01 };
type Judged = { accuracy: number; images: number };

/** What the slice of a classifier says of its training. */
function settingsOf(slice: unknown) {
  type Slice = { architecture: { encoder: { width: number } }; finetune: { learningRate: { base: number }; weightDecay: number } };
  const { architecture, finetune } = slice as Slice;
  return { width: architecture.encoder.width, rate: finetune.learningRate.base, weightDecay: finetune.weightDecay };
}

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
  expect(await workers.activitiesOf('small-student')).toMatchObject({ splitLabels: 3, finetune: 10 }); // six tries, two baselines, two teachers
  const reviews = (await workers.artifactsOf('representation')).manifests.flatMap(({ facts }) => (facts.review ? [facts.review] : []));
  expect(reviews).toEqual([{ epoch: 1, knn: expect.any(Number), probe: expect.any(Number) }]);
  const trained = (await workers.artifactsOf('classifier')).manifests.filter(
    ({ slice }) => settingsOf(slice).weightDecay === RATES.weightDecay,
  );
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
}, 600_000);

test('trainings that stop early by labels held out of a draw; with too few they go on as without, and the run says so', async () => {
  const all = { ...RECIPE, labels: { fractions: [1] } };
  const plain = await workers.run('tiny-plain', all);
  const recipe = { ...all, finetune: { ...RECIPE.finetune, epochs: 30, atLeastSteps: 0, stopping: { patience: 1, holdOut: 0.4 } } };
  const few = await workers.run('tiny-not-stopped', { ...all, finetune: { ...RECIPE.finetune, stopping: { patience: 1 } } });
  expect(few.notes).toEqual([expect.stringMatching(/^No early stopping with 100 % of the labels, as 25 .*: of ".*" there are 24$/)]);
  expect(few.student).toEqual(plain.student); // every key is the same
  const images = { train: { generated: 'shapes' as const, perClass: 32 }, size: 16 };
  const enough = await workers.run('tiny-stopped', { ...recipe, images });
  expect(enough.notes).toBeUndefined();
  const { manifests } = await workers.artifactsOf('classifier');
  const stopped = manifests.filter(({ facts }) => facts.best);
  expect(stopped).toHaveLength(2); // baseline and classifier
  for (const { facts } of stopped) expect(facts.best).toMatchObject({ epoch: expect.any(Number), heldOut: expect.any(Number) });
}, 600_000);

test('labels kept from training give the student a temperature, and the other models none', async () => {
  const { scores } = await workers.run('tiny-calibrated', { ...RECIPE, labels: { fractions: [0.2, 1], calibration: 0.4 } });
  const [few, all] = [30, 84].map((labelled) => scores.filter(({ images }) => images === labelled));
  expect(few?.map(({ images, measures }) => [images, measures?.temperature])).toEqual(Array(5).fill([30, undefined])); // 12 would be too few
  expect(all?.map(({ images, measures }) => [images, measures?.temperature?.images])).toEqual([
    ...Array(4).fill([84, undefined]),
    [84, 60],
  ]);
}, 300_000);
