import { describe, expect, test } from 'vitest';
import { labelDraws, Recipe, type RecipeInput } from '../../contracts/recipe.ts';

const smallest: RecipeInput = { name: 'cells', images: { train: 'cells/train' } };

/** Mistakes as `path: message`. */
function mistakes(input: unknown): string[] {
  const parsed = Recipe.safeParse(input);
  return parsed.success ? [] : parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
}

describe('recipe: defaults', () => {
  test('recipe: a name and a folder are enough', () => {
    const recipe = Recipe.parse(smallest);
    expect(recipe).toMatchObject({
      images: { train: 'cells/train', unlabelled: [], size: 32, evaluationCrop: 1, testFraction: 0.2, setAsideLimit: 0.05 },
      labels: { fractions: [0.05, 0.1, 1], draws: 1 },
      encoder: { depth: 18, width: 0.5, stem: 'auto' },
      // The numbers of data_util.py in google-research/simclr; what it does not have is off.
      views: {
        jitter: 0.5,
        crop: 'simclr',
        minArea: 0.08,
        maxArea: 1,
        aspect: [3 / 4, 4 / 3],
        flip: 0.5,
        verticalFlip: 0,
        rotation: 0,
        jitterForm: 'v2',
        jitterProbability: 0.8,
        grayscale: 0.2,
        blur: 'auto',
        blurProbability: 0.5,
        blurSigma: [0.1, 2],
        solarize: 0,
        erasing: 0,
        where: 'auto',
      },
      // The author's small-batch advice: LARS at 0.2·√batch, temperature 0.2 (google-research/simclr#166); three layers as in SimCLRv2.
      pretrain: { batch: 64, temperature: 0.2, headLayers: 3, optimizer: 'lars', learningRate: { base: 0.2, scaling: 'sqrt' } },
      finetune: {
        fromHeadLayer: 1,
        learningRate: { base: 0.05, scaling: 'linear' },
        baseline: { optimizer: 'momentum', learningRate: { base: 0.1, scaling: 'linear' }, weightDecay: 5e-4 },
      },
      distill: { student: {}, temperature: 1, labelled: 0 },
      seed: 1,
      compute: { threads: 'auto', checkpointSeconds: 60 },
    });
  });

  test('recipe: normalising a second time changes nothing', () => {
    const recipe = Recipe.parse({
      ...smallest,
      pretrain: { epochs: 3, learningRate: { base: 1 } },
      finetune: { baseline: { weightDecay: 0 } },
    });
    expect(recipe.pretrain.learningRate).toEqual({ base: 1, scaling: 'sqrt' });
    expect(recipe.finetune.baseline.learningRate).toEqual({ base: 0.1, scaling: 'linear' });
    expect(Recipe.parse(recipe)).toEqual(recipe);
    expect(Recipe.parse(JSON.parse(JSON.stringify(recipe)))).toEqual(recipe);
  });

  test('recipe: fractions have a default only where nothing else says which labels', () => {
    for (const labels of [{ perClass: [5] }, { file: 'ids.txt' }]) {
      expect(Recipe.parse({ ...smallest, labels }).labels).toEqual({ ...labels, draws: 1, graded: false, calibration: 0 });
    }
  });

  test('recipe: every form of image source is accepted', () => {
    const unlabelled = [
      'more',
      's3://bucket/prefix',
      { folder: 'flat', labels: 'labels.csv' },
      { generated: 'shapes', perClass: 10 },
    ] as const;
    expect(mistakes({ ...smallest, images: { train: 'a.npz', test: { folder: 'flat' }, unlabelled } })).toEqual([]);
  });
});

describe('recipe: mistakes', () => {
  test('recipe: all mistakes are reported at once, each with its place', () => {
    const found = mistakes({
      name: 'Blood Cells',
      images: { train: '', size: 4 },
      labels: { fractions: [0, 1.5] },
      pretrain: { epochs: 0, batch: '64' },
      seed: -1,
    });
    const places = found.map((mistake) => mistake.split(':')[0]);
    expect(new Set(places)).toEqual(
      new Set([
        'name',
        'images.train',
        'images.size',
        'labels.fractions.0',
        'labels.fractions.1',
        'pretrain.epochs',
        'pretrain.batch',
        'seed',
      ]),
    );
  });

  test.each([
    ['at the top', { ...smallest, pretain: {} }, 'pretain'],
    ['in a section', { ...smallest, pretrain: { epoch: 3 } }, 'epoch'],
    ['deep inside', { ...smallest, finetune: { baseline: { learningRate: { base: 1, rate: 1 } } } }, 'rate'],
  ])('recipe: an unknown key %s is a mistake that names it', (_, input, key) => {
    expect(mistakes(input)).toEqual([expect.stringMatching(new RegExp(`Unrecognized key: "${key}"`))]);
  });

  test.each(['', 'Cells', '-cells', 'cells_2', 'ä', 'x'.repeat(64)])('recipe: the name %j is refused with the rule', (name) => {
    expect(mistakes({ ...smallest, name })).toEqual(['name: must be lower-case letters, digits and hyphens, at most 63']);
  });

  test.each([
    [
      { labels: { fractions: [0.1, 1], draws: [5] } },
      'labels.draws: must be one number, or one for each of the 2 fractions, got a list of 1',
    ],
    [{ labels: { perClass: [5], draws: [5, 1] } }, 'labels.draws: must be one number, or one for each of the 1 perClass, got a list of 2'],
    [{ labels: { file: 'a.txt', draws: 2 } }, 'labels.draws: must be 1, as a file leaves nothing to draw, got 2'],
    [{ labels: { fractions: [0.1, 0.1] } }, 'labels.fractions: must not repeat a value'],
    [{ labels: { perClass: [5, 5] } }, 'labels.perClass: must not repeat a value'],
    [{ labels: { file: ['a.txt', 'a.txt'] } }, 'labels.file: must not repeat a value'],
    [{ labels: { fractions: [0.1], perClass: [5] } }, 'labels: must have one of fractions, perClass and file, got fractions and perClass'],
    [
      { pretrain: { headLayers: 2 }, finetune: { fromHeadLayer: 2 } },
      'finetune.fromHeadLayer: must be below pretrain.headLayers (2), got 2',
    ],
    [{ views: { minArea: 0.5, maxArea: 0.3 } }, 'views.maxArea: must be at least views.minArea (0.5), got 0.3'],
    [
      { views: { minArea: 0.3, maxArea: 0.3, aspect: [1, 1] } }, // 307.2 pixels
      'views.minArea: must let boxes of whole pixels up to views.maxArea (0.3) and of views.aspect [1, 1] fit into images.size (32 px), got 0.3: 100 % of the views would be the middle of the image instead',
    ],
    [
      { images: { train: 'x', size: 64 }, views: { minArea: 0.5, aspect: [4, 5] } }, // a quarter at most
      'views.minArea: must let boxes of whole pixels up to views.maxArea (1) and of views.aspect [4, 5] fit into images.size (64 px), got 0.5: 100 % of the views would be the middle of the image instead',
    ],
    [
      { views: { erasing: 0.5, erasingAspect: [50, 50] } }, // a 50th of the view at most
      'views.erasingAspect: must let boxes of whole pixels and of views.erasingArea [0.02, 0.33] fit into images.size (32 px), got [50, 50]: 100 % of them would be left out',
    ],
    [
      { views: { erasing: 0.5, erasingArea: [0.0001, 0.0002] } }, // a fifth of a pixel at most
      'views.erasingArea: must let boxes of whole pixels and of views.erasingAspect [0.3, 3.3] fit into images.size (32 px), got [0.0001, 0.0002]: 100 % of them would be left out',
    ],
    [
      { finetune: { baseline: { alsoTry: [0.1, 0.4] } } },
      'finetune.baseline.alsoTry: must neither repeat a rate nor name finetune.baseline.learningRate.base (0.1), which is tried anyway, got [0.1, 0.4]',
    ],
    [
      { finetune: { baseline: { alsoTry: [0.4, 1.6, 0.4] } } },
      'finetune.baseline.alsoTry: must neither repeat a rate nor name finetune.baseline.learningRate.base (0.1), which is tried anyway, got [0.4, 1.6, 0.4]',
    ],
    [{ views: { aspect: [2, 1] } }, 'views.aspect: must be two numbers, the smaller one first'],
    [{ views: { blurSigma: [2, 1] } }, 'views.blurSigma: must be two numbers, the smaller one first'],
    [
      { pretrain: { optimizer: 'adamw' } },
      'pretrain.learningRate.base: must be ≤ 0.02 with pretrain.optimizer adamw, such as 0.001 with scaling none, got 0.2',
    ],
    [
      { distill: { optimizer: 'adamw', learningRate: { base: 0.03 } } },
      'distill.learningRate.base: must be ≤ 0.02 with distill.optimizer adamw, such as 0.001 with scaling none, got 0.03',
    ],
    [
      { finetune: { baseline: { optimizer: 'adamw' } } },
      'finetune.baseline.learningRate.base: must be ≤ 0.02 with finetune.baseline.optimizer adamw, such as 0.001 with scaling none, got 0.1',
    ],
    [{ pretrain: { batch: 8, accumulate: 5 } }, 'pretrain.accumulate: must leave two images of pretrain.batch (8) to each part, got 5'],
    [{ finetune: { batch: 8, accumulate: 9 } }, 'finetune.accumulate: must leave an image of finetune.batch (8) to each part, got 9'],
    [{ pretrain: { headLayers: 0 } }, 'finetune.fromHeadLayer: must be 0 where pretrain.headLayers is 0, got 1'],
    [
      { encoder: { depth: 34, selectiveKernel: true } },
      'encoder.selectiveKernel: must be false below depth 50, whose blocks have no place for it, got true at depth 34',
    ],
    [
      { encoder: { depth: 50 }, distill: { student: { depth: 18, selectiveKernel: true } } },
      'distill.student.selectiveKernel: must be false below depth 50, whose blocks have no place for it, got true at depth 18',
    ],
    [
      { encoder: { depth: 50, selectiveKernel: true }, distill: { student: { selectiveKernel: false, start: 'representation' } } },
      'distill.student.start: must be auto or nothing for a student whose network is not the encoder’s, got representation',
    ],
  ] as const)('recipe: rules across fields: %j', (change, message) => {
    expect(mistakes({ ...smallest, ...change })).toEqual([message]);
  });

  test.each([
    [{ labels: { fractions: [0.1, 1], draws: [5, 1] } }],
    [{ labels: { perClass: [5, 25], draws: [3, 1] } }],
    [{ labels: { file: ['a.txt', 'b.txt'] } }],
    [{ finetune: { baseline: { alsoTry: [0.4, 1.6] } } }],
    [{ pretrain: { headLayers: 2 }, finetune: { fromHeadLayer: 1 } }],
    [{ pretrain: { headLayers: 0 }, finetune: { fromHeadLayer: 0, train: 'head' } }],
    [{ encoder: { depth: 200, selectiveKernel: true }, distill: { student: { depth: 18 } }, finetune: { train: { afterGroup: 3 } } }],
    [{ seed: 2 ** 32 - 1 }],
    [{ views: { minArea: 0.25, maxArea: 0.25, aspect: [1, 1], rotation: 180 } }], // 16 of 32 pixels
    [{ views: { minArea: 0.2, aspect: [4, 5], erasingAspect: [50, 50] } }], // which is off
    [{ views: { minArea: 1, aspect: [4, 5] } }], // the whole image
    [{ pretrain: { batch: 8, accumulate: 4 }, finetune: { batch: 8, accumulate: 8 } }],
    [{ pretrain: { optimizer: 'adamw' as const, learningRate: { base: 0.001, scaling: 'none' as const } } }],
    [{ finetune: { fromHeadLayer: 0 }, views: { blur: false }, encoder: { depth: 50, stem: 'imagenet' } }],
  ])('recipe: %j is allowed', (change) => {
    expect(mistakes({ ...smallest, ...change })).toEqual([]);
  });
});

describe('labelDraws', () => {
  test('labelDraws: smallest fraction first, and its own number of draws for each', () => {
    expect(labelDraws({ fractions: [0.1, 0.01], draws: [1, 3] })).toEqual([
      { fraction: 0.01, draw: 0 },
      { fraction: 0.01, draw: 1 },
      { fraction: 0.01, draw: 2 },
      { fraction: 0.1, draw: 0 },
    ]);
  });

  test('labelDraws: one number serves all fractions, but all labels can be drawn in one way only', () => {
    expect(labelDraws({ fractions: [1, 0.5], draws: 2 })).toEqual([
      { fraction: 0.5, draw: 0 },
      { fraction: 0.5, draw: 1 },
      { fraction: 1, draw: 0 },
    ]);
  });

  test('labelDraws: counts as fractions, but 1 of a class is a choice; files as they stand', () => {
    expect(labelDraws({ perClass: [25, 1], draws: 2 })).toEqual([
      { perClass: 1, draw: 0 },
      { perClass: 1, draw: 1 },
      { perClass: 25, draw: 0 },
      { perClass: 25, draw: 1 },
    ]);
    expect(labelDraws({ file: ['b.txt', 'a.txt'], draws: 1 })).toEqual([
      { file: 'b.txt', draw: 0 },
      { file: 'a.txt', draw: 0 },
    ]);
  });
});
