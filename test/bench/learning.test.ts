/** The pure parts of `npm run bench:learning`: what is measured again, which scores are paired, what the page says of them. */
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { differenceOf, meanDifferenceOf, spreadOf } from '../../bench/learning/differences.ts';
import { drawsOf, writeJob } from '../../bench/learning/lightly.ts';
import { scoredOf } from '../../bench/learning/ours.ts';
import { bestOf, type Line, linesOf, pageOf, verdictOf } from '../../bench/learning/page.ts';
import { type Kept, keptOf, keyOf, type Measured, type Plan, planOf, RATES, type Side, sharedBy } from '../../bench/learning/protocol.ts';
import { keep, keptResults } from '../../bench/results.ts';
import { Recipe } from '../../contracts/recipe.ts';
import type { Score } from '../../contracts/scores.ts';

const DATA = { FEWLABELS_DATA: '/data' };
const plan = await planOf('cifar10', DATA);

const machine = { cpu: 'a processor', cores: 2, flags: ['avx2'], busy: 0, versions: { node: '20' } };
const of = ({ protocols }: Plan, seed: number, side: Side, measured: Measured): Record<string, Kept> => ({
  [keyOf('cifar10', seed, side)]: {
    sample: 'cifar10',
    seed,
    side,
    protocol: protocols[side],
    date: '2026-01-02T03:04:05Z',
    seconds: 9,
    machine,
    ...measured,
  },
});

/** All three scores at one fraction; `better`: of a second rate. */
const measured = (accuracies: number[], pretraining: number, better?: number[]): Measured => ({
  pretraining,
  labels: 'these',
  scores: (['knn', 'probe', 'finetuned'] as const).flatMap((score) => [
    { score, fraction: 0.01, rate: better && 0.1, accuracies },
    ...(better ? [{ score, fraction: 0.01, rate: 1, accuracies: better }] : []),
  ]),
});

describe('differences', () => {
  // R's `sleep`: hours gained with the one drug and the other; t.test(paired = TRUE) says 1.58 and 0.7001142 to 2.4598858
  const second = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4];
  const first = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0, 2];

  test('differenceOf: mean and interval of a paired t-test, as R has them', () => {
    const { mean, deviation, interval, count } = differenceOf(second, first);
    expect(mean).toBeCloseTo(1.58, 10);
    expect(deviation).toBeCloseTo(1.229995, 6);
    expect(interval?.[0]).toBeCloseTo(0.7001142, 3);
    expect(interval?.[1]).toBeCloseTo(2.4598858, 3);
    expect(count).toBe(10);
  });

  test('differenceOf: two pairs have one degree of freedom, t = 12.706', () => {
    // differences 1 and 3: mean 2, deviation √2, standard error 1
    const { interval } = differenceOf([2, 5], [1, 2]);
    expect(interval).toEqual([expect.closeTo(2 - 12.706, 6), expect.closeTo(2 + 12.706, 6)]);
  });

  test('differenceOf: one pair has no interval; lists of other lengths are refused', () => {
    expect(differenceOf([0.5], [0.25])).toEqual({ mean: 0.25, count: 1 });
    expect(() => differenceOf([1, 2], [1])).toThrow('as many of each side: 2 and 1');
    expect(meanDifferenceOf([0.25])).toEqual({ mean: 0.25, count: 1 });
    expect(() => spreadOf([])).toThrow('there is none');
  });
});

describe('what is measured again', () => {
  test('keptOf: what was measured under the same rules is there, wherever the images lie', async () => {
    const results = of(plan, 1, 'ours', measured([0.5], 10));
    expect(keptOf(results, await planOf('cifar10', DATA, [], ['images.train=/elsewhere']), 1, 'ours')?.pretraining).toBe(10);
  });

  test('keptOf: another seed, side, sample or rule is not', async () => {
    const results = of(plan, 1, 'ours', measured([0.5], 10));
    expect(keptOf(results, plan, 2, 'ours')).toBeUndefined();
    expect(keptOf(results, plan, 1, 'lightly')).toBeUndefined();
    expect(keptOf(results, await planOf('bloodcells', DATA), 1, 'ours')).toBeUndefined();
    expect(keptOf(results, await planOf('cifar10', DATA, ['pretrain.epochs=21']), 1, 'ours')).toBeUndefined();
  });

  test('keep: what is kept is read again, lists on one line; a missing file holds nothing', async () => {
    const folder = await scratch();
    const results = of(plan, 1, 'ours', measured([0.5, 0.25, 1e-7], 10));
    await keep(results, join(folder, 'learning.json'));
    expect(await keptResults(join(folder, 'learning.json'))).toEqual(results);
    expect(await readFile(join(folder, 'learning.json'), 'utf8')).toContain('"accuracies": [0.5, 0.25, 1e-7]');
    expect(await keptResults(join(folder, 'nothing.json'))).toEqual({});
  });
});

describe('the page', () => {
  const ours = (seed: number, accuracies: number[]) => of(plan, seed, 'ours', measured(accuracies, 90));
  const lightly = (seed: number, accuracies: number[], better: number[]) =>
    of(plan, seed, 'lightly', { ...measured(accuracies, 100, better), workers: 1 });

  test('bestOf: the rate with the highest mean, not with the highest single score', () => {
    const { scores } = measured([0.9, 0.1], 1, [0.6, 0.6]);
    expect(bestOf(scores, 'probe', 0.01)).toMatchObject({ rate: 1, accuracies: [0.6, 0.6] });
    expect(() => bestOf(scores, 'probe', 0.1)).toThrow('"probe" at 0.1');
  });

  test('pageOf: pairs draws of a seed, takes the better rate, says what is missing', () => {
    const results = { ...ours(1, [0.3, 0.32]), ...lightly(1, [0.1, 0.1], [0.29, 0.3]), ...ours(2, [0.4, 0.4]) };
    const page = pageOf(results, [plan], () => [1, 2]);
    // differences 1 and 2 points
    expect(page).toContain('| 1 % | linear probe | 31.0 ± 1.4 | 29.5 ± 0.7 | +1.5 | – | +1.5 | 1 |');
    expect(page).toContain('**Missing, as not measured yet: lightly, seed 2.**');
    expect(page).toContain(
      '**Ours − lightly, mean of all lines: +1.5 points (95 %: –; 1 seed): no difference is shown.** By score: nearest neighbours +1.5, linear probe +1.5, fine-tuned +1.5. Of 3 lines the interval of 0 lies',
    );
    expect(page).toContain('- lightly, seed 1: 2 cores of a processor (avx2); node 20');
    expect(page).toContain('| 1 | 90 | 100 | 0.90 | 1 | 2026-01-02 |');
    expect(page).toContain("ours takes 0.90 of lightly's time (1 seed of 1).");
    expect(page).not.toContain('quick try');
    expect(pageOf(results, [plan], () => [1], true)).toContain('**A quick try: these figures mean nothing.**');
  });

  test('pageOf: a seed counts once, however many draws share its pretraining', () => {
    const peers = { ...lightly(1, [0.1, 0.1], [0.3, 0.3]), ...lightly(2, [0.1, 0.1], [0.3, 0.3]) };
    const page = pageOf({ ...ours(1, [0.3, 0.32]), ...ours(2, [0.34, 0.32]), ...peers }, [plan], () => [1, 2]);
    // seeds differ by 1 and 3 points: mean 2, deviation √2, standard error 1, times 12.706
    expect(page).toContain('| 1 % | nearest neighbours | 32.0 ± 1.6 | 30.0 ± 0.0 | +2.0 | −10.7 to +14.7 | +1.0, +3.0 | 1 |');
    expect(page).toContain('mean of all lines: +2.0 points (95 %: −10.7 to +14.7; 2 seeds): no difference is shown.**');
  });

  test('pageOf: no ratio of times from two kinds of processor', () => {
    const [key, kept] = Object.entries(ours(1, [0.3]))[0] as [string, Kept];
    const rest = { ...ours(2, [0.3]), ...lightly(1, [0.1], [0.3]), ...lightly(2, [0.1], [0.3]) };
    for (const change of [{ cpu: 'another' }, { flags: ['avx2', 'avx512f'] }, { cores: 4 }]) {
      const results = { ...rest, [key]: { ...kept, machine: { ...kept.machine, ...change } } };
      const page = pageOf(results, [plan], () => [1, 2]);
      expect(page).toContain('| 1 | 90 | 100 | – | 1 | 2026-01-02 |');
      expect(page).toContain("ours takes 0.90 of lightly's time (1 seed of 2).");
      expect(pageOf(results, [plan], () => [1])).toContain('no seed has both sides on one kind of processor');
    }
  });

  test('pageOf: what other rules were in force for is missing', async () => {
    const results = { ...ours(1, [0.3]), ...lightly(1, [0.3], [0.3]) };
    const changed = await planOf('cifar10', DATA, ['finetune.epochs=9']);
    expect(pageOf(results, [changed], () => [1])).toContain('Missing, as not measured yet: ours, seed 1; lightly, seed 1.');
  });

  test('pageOf: other label draws are refused', () => {
    const other = of(plan, 1, 'lightly', { ...measured([0.3], 1), labels: 'those' });
    expect(() => pageOf({ ...ours(1, [0.3]), ...other }, [plan], () => [1])).toThrow('the same labels: their draws differ');
  });

  test('verdictOf: the mean of each score is its own', () => {
    const line = (score: Line['score'], fraction: number, ...bySeed: number[]): Line => {
      const none = { mean: 0, count: 1 };
      return { score, fraction, ours: none, lightly: none, bySeed, rates: [] };
    };
    const lines = [
      line('knn', 0.01, 0.01, 0.02),
      line('knn', 1, 0.03, 0.02),
      line('probe', 1, -0.01, -0.01),
      line('finetuned', 1, 0.04, 0.05),
    ];
    expect(verdictOf(lines)).toContain('By score: nearest neighbours +2.0, linear probe −1.0, fine-tuned +4.5. Of 4 lines');
  });

  test('verdictOf: the mean of all lines is judged, by an interval over the seeds', () => {
    const kept = (side: Side, accuracies: number[]) => Object.values(of(plan, 1, side, measured(accuracies, 1)))[0] as Kept;
    /** One draw a seed. */
    const lines = (mine: number[], theirs: number[]) =>
      linesOf(mine.map((accuracy, i) => ({ ours: kept('ours', [accuracy]), lightly: kept('lightly', [theirs[i] ?? 0]) })));
    const below = lines([0.3, 0.31, 0.3], [0.4, 0.4, 0.41]);
    const above = lines([0.5, 0.51, 0.5], [0.4, 0.4, 0.41]);
    expect(verdictOf(above)).toMatch(
      /3 seeds\): ours is better\.\*\* By score: .*\. Of 3 lines the interval of 3 lies wholly above 0, of 0 wholly below\./,
    );
    expect(verdictOf(below)).toMatch(
      /3 seeds\): ours is worse\.\*\* By score: .*\. Of 3 lines the interval of 0 lies wholly above 0, of 3 wholly below\./,
    );
    expect(verdictOf([...above, ...below])).toMatch(
      /no difference is shown\.\*\* By score: .*\. Of 6 lines the interval of 3 lies wholly above 0, of 3 wholly below\. Lowest: .* at 1 %, −/,
    );
    // each line undecided, −6 and +4, +4 and −6.1 points, and a point behind on average on both seeds
    const [first, second] = [lines([0.34, 0.44], [0.4, 0.4])[0], lines([0.44, 0.339], [0.4, 0.4])[0]];
    if (!first || !second) throw new Error('there must be lines');
    expect(verdictOf([first, second])).toMatch(
      /lines: −1\.0 points .*: ours is worse\.\*\* By score: .*\. Of 2 lines the interval of 0 lies wholly above 0, of 0 wholly below\./,
    );
  });
});

describe('the two sides', () => {
  test('scoredOf: the compared scores of a run, in the order of the draws', () => {
    const score = (model: Score['model'], draw: number, accuracy: number): Score => ({ model, fraction: 0.1, draw, accuracy, images: 5 });
    const scores = [score('classifier', 1, 0.6), score('baseline', 0, 0.2), score('classifier', 0, 0.5), score('knn', 0, 0.4)];
    expect(scoredOf(scores)).toEqual([
      { score: 'finetuned', fraction: 0.1, accuracies: [0.5, 0.6] },
      { score: 'knn', fraction: 0.1, accuracies: [0.4] },
    ]);
  });

  test('writeJob: decoded images, and label draws with the budget of fine-tuning', async () => {
    const folder = await scratch();
    const recipe = Recipe.parse({
      name: 'job',
      images: { train: { generated: 'shapes', perClass: 20 }, size: 8 },
      labels: { fractions: [0.25, 1], draws: 2 },
      finetune: { epochs: 2, atLeastSteps: 9, batch: 32 },
    });
    const digest = await writeJob(folder, recipe);
    const job = JSON.parse(await readFile(join(folder, 'job.json'), 'utf8'));
    // 6 classes of 20, a fifth of each for the test: 96 and 24
    expect([job.pool.length, job.test.length, job.classes]).toEqual([96, 24, 6]);
    expect((await stat(join(folder, 'pool.bin'))).size).toBe(96 * 8 * 8 * 3);
    expect((await stat(join(folder, 'test.bin'))).size).toBe(24 * 8 * 8 * 3);
    // 24 images, one batch of them an epoch, 9 epochs; 96 images, 3 batches of 32, 3 epochs
    expect(job.draws.map((one: object) => ({ ...one, positions: undefined }))).toEqual([
      { fraction: 0.25, draw: 0, batch: 24, steps: 9 },
      { fraction: 0.25, draw: 1, batch: 24, steps: 9 },
      { fraction: 1, draw: 0, batch: 32, steps: 9 },
    ]);
    for (const { positions, fraction } of job.draws) {
      const drawn = positions.map((position: number) => job.pool[position]);
      for (let label = 0; label < 6; label++) expect(drawn.filter((one: number) => one === label)).toHaveLength(16 * fraction);
    }
    expect(await writeJob(folder, { ...recipe, seed: 2 })).not.toBe(digest);
    expect(drawsOf(recipe, Int32Array.from(job.pool), 6)).toEqual(job.draws);
  });

  test('lightly’s rules leave out what only ours goes by, and nothing else', () => {
    const { finetune, encoder, views, ...rest } = plan.recipe;
    const { name: _name, seed: _seed, images: _images, ...others } = rest;
    const rulesOf = (change: object = {}) => JSON.stringify(sharedBy({ ...others, encoder, views, finetune, ...change }));
    const ours = [
      { encoder: { ...encoder, shortcut: 'simclr', colours: 'torchvision' } },
      { views: { ...views, crop: 'simclr' } },
      {
        finetune: {
          ...finetune,
          learningRate: { base: 9, scaling: 'none' },
          headLearningRateFactor: 9,
          classifierInit: 'uniform',
          fromHeadLayer: 0,
        },
      },
      { distill: {}, compute: {} },
    ];
    for (const change of ours) expect(rulesOf(change)).toBe(rulesOf());
    const shared = [
      { encoder: { ...encoder, width: 9 } },
      { views: { ...views, minArea: 0.9 } },
      { finetune: { ...finetune, epochs: 9 } },
      { pretrain: {} },
      { labels: {} },
    ];
    expect(new Set([{}, ...shared].map(rulesOf)).size).toBe(1 + shared.length);
  });

  test('both recipes give the same training; only name, images and views differ', async () => {
    const { recipe } = await planOf('bloodcells', DATA);
    const { name: _name, images: _images, views: _views, ...same } = recipe;
    expect(plan.recipe).toMatchObject(same);
    expect(plan.recipe.compute.precision).toBe('float32');
    expect(plan.recipe).toMatchObject({
      encoder: { shortcut: 'torchvision', colours: 'torchvision' },
      views: { crop: 'torchvision' },
      finetune: { classifierInit: 'uniform' },
    });
    const { learningRate, headLearningRateFactor: classifier } = plan.recipe.finetune;
    expect(learningRate.scaling).toBe('linear');
    expect(RATES.finetuned).toContainEqual({ base: learningRate.base, classifier });
    expect([plan.recipe.views.blur, recipe.views.blur]).toEqual([false, false]);
  });
});

async function scratch(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'fewlabels-learning-test-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
