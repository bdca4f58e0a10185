/** What the key of an artifact depends on. */
import { expect, test } from 'vitest';
import { classifierOf, evaluationOf, labelsOf, representationOf, splitOf, studentOf, viewsOf } from '../../activities/identity.ts';
import type { ImagesRef, LabelsRef } from '../../contracts/artifacts.ts';
import { type LabelDraw, Recipe, type RecipeInput } from '../../contracts/recipe.ts';
import { VIEW_LAWS, viewSettings } from '../../contracts/views.ts';

const set = (digest: string) => ({ kind: 'shards' as const, key: digest, digest, images: 10, shards: 1, labelled: 10 });
const images: ImagesRef = { pool: set('pool'), test: set('test'), classes: ['a', 'b'], size: 32, setAside: { count: 0, examples: [] } };
const labels: LabelsRef = { kind: 'labels', key: 'labels', digest: 'labels', images: 4 };

const recipeOf = (changes: Partial<RecipeInput> = {}) => Recipe.parse({ name: 'x', images: { train: 'x' }, ...changes });
const representationKey = (changes?: Partial<RecipeInput>) => representationOf({ ...recipeOf(changes), images }).key;
const classifierKey = (changes?: Partial<RecipeInput>, pretrained = true) =>
  classifierOf({
    ...recipeOf(changes),
    images,
    labels,
    representation: pretrained ? { kind: 'representation', key: 'r', digest: 'r' } : undefined,
  }).key;

test('representationOf: how training is cut, spread, watched or threaded does not count', () => {
  const key = representationKey();
  expect(representationKey({ pretrain: { segmentEpochs: 3 } })).toBe(key);
  expect(representationKey({ pretrain: { probeEpochs: 3 } })).toBe(key);
  expect(representationKey({ views: { where: 'device' } })).toBe(key);
  expect(representationKey({ views: { where: 'workers', storeGigabytes: 1 } })).toBe(key);
  expect(representationKey({ compute: { checkpointSeconds: 1, threads: 1 } })).toBe(key);
  expect(representationKey({ labels: { fractions: [0.5] }, finetune: { epochs: 3 }, name: 'y' })).toBe(key);
});

test('representationOf: what changes the weights counts', () => {
  const changes: Partial<RecipeInput>[] = [
    { seed: 2 },
    { pretrain: { epochs: 21 } },
    { views: { jitter: 0.4 } },
    { encoder: { width: 1 } },
    { encoder: { depth: 50 } },
    { encoder: { depth: 50, selectiveKernel: true } },
    { encoder: { shortcut: 'torchvision' } },
    { encoder: { colours: 'torchvision' } },
    { encoder: { stem: 'imagenet' } },
    { encoder: { stem: 'imagenet', padding: 'torchvision' } },
    { pretrain: { headLayers: 2 } },
  ];
  expect(new Set([undefined, ...changes].map((change) => representationKey(change))).size).toBe(changes.length + 1);
});

// What stood in the keys before the laws of views stood in the recipe: artifacts that are there stay found.
test('representationOf, viewsOf: laws as SimCLR has them are no part of a key', () => {
  const simclr = { jitter: 0.5, minArea: 0.08, blur: false, kind: 'simclr' };
  expect((representationOf({ ...recipeOf(), images }).slice as { views: object }).views).toEqual(simclr);
  expect(viewsOf('a', 32, recipeOf().views, 1, { from: 0, to: 1 }).slice).toEqual({ ...simclr, seed: 1, from: 0, to: 1 });
});

test('viewSettings: laws that a run of before does not name are SimCLR’s', () => {
  const { jitter, minArea, blur } = recipeOf().views;
  const before = { jitter, minArea, blur } as ReturnType<typeof recipeOf>['views'];
  expect(viewSettings(before, 32)).toStrictEqual(viewSettings(recipeOf().views, 32)); // strict: a law that is there and undefined would win over its default
});

const viewsKey = (views: RecipeInput['views']) => viewsOf('a', 64, recipeOf({ views }).views, 1, { from: 0, to: 1 }).key;
const LAWS: NonNullable<RecipeInput['views']> = {
  crop: 'torchvision',
  maxArea: 0.5,
  aspect: [1, 2],
  flip: 0.1,
  verticalFlip: 0.1,
  rotation: 10,
  jitterForm: 'v1',
  jitterProbability: 0.1,
  grayscale: 0.1,
  blurProbability: 0.1,
  blurSigma: [1, 2],
  solarize: 0.1,
  erasing: 0.1,
};
test('viewsOf: every law of the views counts', () => {
  const changes = Object.entries(LAWS).map(([law, value]) => ({ [law]: value }));
  const dependent = [
    { solarize: 0.1, solarizeThreshold: 0.1 },
    { erasing: 0.1, erasingArea: [0.1, 0.2] as const },
    { erasing: 0.1, erasingAspect: [1, 2] as const },
  ];
  const keys = [{}, ...changes, ...dependent].map((views) => viewsKey(views as RecipeInput['views']));
  expect(new Set(keys).size).toBe(1 + changes.length + dependent.length);
  expect(Object.keys({ ...LAWS, ...Object.assign({}, ...dependent) }).sort()).toEqual(Object.keys(VIEW_LAWS).sort());
});

test('viewsOf: a law of what never happens does not count', () => {
  expect(viewsKey({ solarizeThreshold: 0.1, erasingArea: [0.1, 0.2], erasingAspect: [1, 2] })).toBe(viewsKey({}));
  expect(viewsKey({ blur: false, blurProbability: 0.1, blurSigma: [1, 2] })).toBe(viewsKey({ blur: false }));
  expect(viewsKey({ jitter: 0, jitterForm: 'v1', jitterProbability: 0.1 })).toBe(viewsKey({ jitter: 0 }));
  expect(viewsKey({ minArea: 1, aspect: [1, 2], crop: 'torchvision' })).toBe(viewsKey({ minArea: 1 }));
});

test('an option that is off is no part of a key, and one that is on is', () => {
  const { pretrain, finetune, distill } = recipeOf();
  const chain = { images, labels, teacher: { kind: 'classifier' as const, key: 't', digest: 't' } };
  const representation = { kind: 'representation' as const, key: 'r', digest: 'r' };
  const settings = (...slices: unknown[]) => JSON.stringify(slices);
  const off = settings(
    representationOf({ ...recipeOf(), images }).slice,
    classifierOf({ ...recipeOf(), images, labels, representation }).slice,
    studentOf({ ...recipeOf(), ...chain, representation }).slice,
  );
  expect(off).not.toMatch(/memory|accumulate|labelSmoothing|classifierInit|classWeights|contrastive|stopping|probeEpochs/);
  for (const change of [{ memory: { size: 64 } }, { accumulate: 2 }])
    expect(representationKey({ pretrain: { ...pretrain, ...change } })).not.toBe(representationKey());
  for (const change of [
    { accumulate: 2 },
    { labelSmoothing: 0.1 },
    { classifierInit: 'uniform' as const },
    { classWeights: 'balanced' as const },
    { contrastive: { weight: 0.1 } },
  ]) {
    for (const pretrained of [true, false]) {
      const changed = classifierKey({ finetune: { ...finetune, ...change } }, pretrained);
      expect(changed).not.toBe(classifierKey({}, pretrained));
    }
  }
  expect(settings(representationOf({ ...recipeOf({ pretrain: { memory: { size: 64 }, accumulate: 2 } }), images }).slice)).toContain(
    'inParts',
  );
  expect(representationKey({ pretrain: { memory: { decay: 0.5 } } })).toBe(representationKey());
  expect(classifierKey({ finetune: { contrastive: { temperature: 0.5 } } })).toBe(classifierKey());
  const studentKey = (accumulate: number) =>
    studentOf({ ...recipeOf({ distill: { ...distill, accumulate } }), ...chain, representation }).key;
  expect(studentKey(2)).not.toBe(studentKey(1));
});

test('classifierOf: settings of the baseline count for the baseline only, and those of fine-tuning not for it', () => {
  const change = { finetune: { baseline: { weightDecay: 0.1 } } };
  expect(classifierKey(change)).toBe(classifierKey());
  expect(classifierKey(change, false)).not.toBe(classifierKey({}, false));
  const rate = { finetune: { learningRate: { base: 1 } } };
  expect(classifierKey(rate)).not.toBe(classifierKey());
  expect(classifierKey(rate, false)).toBe(classifierKey({}, false));
});

test('classifierOf: what is trained counts for fine-tuning, and not for the baseline, which trains all', () => {
  const keys = (['all', 'head', { afterGroup: 0 }, { afterGroup: 3 }] as const).map((train) => classifierKey({ finetune: { train } }));
  expect(new Set(keys).size).toBe(4);
  expect(keys[0]).toBe(classifierKey());
  expect(classifierKey({ finetune: { train: 'head' } }, false)).toBe(classifierKey({}, false));
});

test('classifierOf: rates to try do not count by themselves, as a baseline is what its own rate made it; being judged does', () => {
  const tried = { finetune: { baseline: { alsoTry: [0.4] } } };
  expect(classifierKey(tried, false)).toBe(classifierKey({}, false));
  const input = { ...recipeOf(), images, labels };
  expect(classifierOf({ ...input, judged: true }).key).not.toBe(classifierOf(input).key);
});

test('the width of a projection counts for a network that has one, and no key of the default changes', () => {
  const bare = { pretrain: { headLayers: 0 }, finetune: { fromHeadLayer: 0 } };
  expect(representationKey({ pretrain: { projection: 32 } })).not.toBe(representationKey());
  expect(representationKey({ ...bare, pretrain: { headLayers: 0, projection: 32 } })).toBe(representationKey(bare));
  for (const pretrained of [true, false])
    expect(classifierKey({ pretrain: { projection: 32 } }, pretrained)).toBe(classifierKey({}, pretrained));
  // Those of the representation as they were when both stood in every key, those of the classifier as of its second version.
  expect([representationKey(), representationKey(bare), classifierKey(), classifierKey({}, false)]).toEqual([
    '1ee822923dd19da4a2795af3d54c5482',
    'f3c1e95395e9c8d0f4ae30e427027bc1',
    '3eb185677a35d4777c63af89073c140f',
    '05714e907b69354da427177bd9276fcf',
  ]);
});

test('classifierOf: how many images make a pack counts where they are fewer than 1,024, above 295 px', () => {
  const slice = (size: number) => classifierOf({ ...recipeOf(), images: { ...images, size }, labels }).slice as { pack?: number };
  expect([slice(32).pack, slice(224).pack, slice(512).pack]).toEqual([undefined, undefined, 341]);
});

test('classifierOf: stopping early counts where it may happen, for the baseline too; where labels are too few for it the key is as without', () => {
  const key = (stopped: boolean, patience: number, representation?: { kind: 'representation'; key: string; digest: string }) =>
    classifierOf({ ...recipeOf({ finetune: { stopping: { patience } } }), images, labels, stopped, representation }).key;
  for (const representation of [undefined, { kind: 'representation' as const, key: 'r', digest: 'r' }]) {
    expect(key(false, 3, representation)).toBe(key(false, 0, representation));
    expect(new Set([key(false, 3, representation), key(true, 3, representation), key(true, 4, representation)]).size).toBe(3);
  }
});

test('classifierOf: the part of an image that is judged counts where something is judged', () => {
  const key = (evaluationCrop: number | undefined, judge: { judged?: boolean; stopped?: boolean }) =>
    classifierOf({ ...recipeOf(), images, labels, evaluationCrop, ...judge }).key;
  expect(key(0.875, {})).toBe(key(undefined, {}));
  for (const judge of [{ judged: true }, { stopped: true }]) {
    expect(key(1, judge)).toBe(key(undefined, judge));
    expect(key(0.875, judge)).not.toBe(key(1, judge));
  }
});

test('classifierOf, studentOf: where views look and how they lie counts, their colours do not', () => {
  const teacher = { kind: 'classifier' as const, key: 't', digest: 't' };
  const chain = { images, labels, teacher, representation: { kind: 'representation' as const, key: 'r', digest: 'r' } };
  const keys = (views: RecipeInput['views']) => [
    classifierKey({ views }),
    classifierKey({ views }, false),
    studentOf({ ...recipeOf({ views }), ...chain }).key,
  ];
  for (const views of [
    { crop: 'torchvision' as const },
    { minArea: 0.3 },
    { maxArea: 0.5 },
    { aspect: [1, 2] as [number, number] },
    { flip: 0 },
    { verticalFlip: 0.5 },
    { rotation: 90 },
  ])
    for (const [i, key] of keys(views).entries()) expect(key, JSON.stringify(views)).not.toBe(keys({})[i]);
  const colours = { jitter: 1, jitterForm: 'v1' as const, grayscale: 0, blur: true, solarize: 0.5, erasing: 0.5, where: 'device' as const };
  expect(keys(colours)).toEqual(keys({}));
  expect(classifierOf({ ...recipeOf(), views: undefined, images, labels }).key).toBe(classifierOf({ ...recipeOf(), images, labels }).key);
});

test('splitOf: the share held out counts', () => {
  const keys = [undefined, 0.2, 0.3].map((share) => splitOf(images.pool, labels, 1, share).key);
  expect(new Set(keys).size).toBe(3);
  expect(splitOf(images.pool, labels, 1).slice).toEqual({ split: true, seed: 1 });
});

test('studentOf: without a size of its own the student is as large as its teacher', () => {
  const teacher = { kind: 'classifier' as const, key: 't', digest: 't' };
  const chain = { images, labels, teacher, representation: { kind: 'representation' as const, key: 'r', digest: 'r' } };
  const { architecture, pretrained } = studentOf({ ...recipeOf({ encoder: { depth: 34, width: 0.25 } }), ...chain });
  expect(architecture.encoder).toEqual({ depth: 34, width: 0.25, stem: 'small' });
  expect(pretrained).toBe(true);
  expect(studentOf({ ...recipeOf({ distill: { student: { width: 0.25 } } }), ...chain }).pretrained).toBe(false);
});

test('evaluationOf: grades count, and classes that are none leave the key as it was', () => {
  const classifier = { kind: 'classifier' as const, key: 'c', digest: 'c' };
  const models = { baseline: classifier, classifier, student: { kind: 'student' as const, key: 's', digest: 's' } };
  const key = (graded?: boolean, heldOut?: number, digest = 'labels') =>
    evaluationOf(images.test, { fraction: 1, draw: 0 }, { ...models, labels: { ...labels, heldOut, digest }, graded }).key;
  expect(key(false)).toBe(key());
  expect(key(true)).not.toBe(key());
  expect(key(false, undefined, 'others')).toBe(key()); // labels count through the models alone …
  expect(key(false, 50, 'others')).not.toBe(key(false, 50)); // … unless some of them fit a temperature
});

test('evaluationOf: the crop counts, and the whole image is no part of the key', () => {
  const classifier = { kind: 'classifier' as const, key: 'c', digest: 'c' };
  const models = { baseline: classifier, classifier, student: { kind: 'student' as const, key: 's', digest: 's' }, labels };
  const slice = (evaluationCrop?: number) => evaluationOf(images.test, { fraction: 1, draw: 0 }, { ...models, evaluationCrop }).slice;
  const whole = { fraction: 1, draw: 0 };
  expect([slice(), slice(1), slice(0.875)]).toEqual([whole, whole, { ...whole, evaluationCrop: 0.875 }]);
});

test('labelsOf: labels kept for calibration count, none leave the key as it was', () => {
  const key = (calibration?: number) => labelsOf(images.pool, 2, { fraction: 1, draw: 0 }, 1, calibration).key;
  expect(key(0)).toBe(key());
  expect(new Set([key(), key(0.1), key(0.2)]).size).toBe(3);
});

test('studentOf: teachers count by what they are', () => {
  const teacher = (digest: string) => ({ kind: 'classifier' as const, key: digest, digest });
  const chain = { images, labels, teacher: teacher('t'), representation: { kind: 'representation' as const, key: 'r', digest: 'r' } };
  const key = (teachers: number | undefined, otherTeachers?: ReturnType<typeof teacher>[]) =>
    studentOf({ ...recipeOf({ distill: { teachers } }), ...chain, otherTeachers }).key;
  expect(key(1, [])).toBe(key(undefined));
  expect(new Set([key(1), key(2, [teacher('u')]), key(2, [teacher('v')])]).size).toBe(3);
});

test('evaluationOf: every model that is scored counts', () => {
  const ref = <K extends string>(kind: K, digest: string) => ({ kind, key: digest, digest });
  const models = { baseline: ref('classifier', 'b'), classifier: ref('classifier', 'c'), student: ref('student', 's'), labels };
  const key = (more: object) => evaluationOf(images.test, { fraction: 1, draw: 0 }, { ...models, ...more }).key;
  const keys = [{}, { representation: ref('representation', 'r') }, { smallBaseline: ref('classifier', 'x') }].map(key);
  expect(new Set(keys).size).toBe(3);
});

test('labelsOf: of a file its ids count, not its place or the seed', () => {
  const key = (file: string, ids: string[], seed = 1) => labelsOf(images.pool, 2, { file, draw: 0 }, seed, 0, ids).key;
  expect(key('/b/ids.txt', ['x'], 2)).toBe(key('/a/ids.txt', ['x']));
  expect(key('/a/ids.txt', ['y'])).not.toBe(key('/a/ids.txt', ['x']));
  const drawn = (seed: number, share: { fraction: number } | { perClass: number }) =>
    labelsOf(images.pool, 2, { ...share, draw: 0 }, seed).key;
  expect(new Set([drawn(1, { fraction: 1 }), drawn(2, { fraction: 1 }), drawn(1, { perClass: 1 })]).size).toBe(3);
});

test('evaluationOf: where a file of labels lies does not count, nor what it is called', () => {
  const ref = <K extends string>(kind: K, digest: string) => ({ kind, key: digest, digest });
  const models = { baseline: ref('classifier', 'b'), classifier: ref('classifier', 'c'), student: ref('student', 's'), labels };
  const key = (draw: LabelDraw) => evaluationOf(images.test, draw, models).key;
  expect(key({ file: '/b/others.txt', draw: 0 })).toBe(key({ file: '/a/ids.txt', draw: 0 }));
  expect(new Set([key({ file: 'a', draw: 0 }), key({ fraction: 1, draw: 0 }), key({ perClass: 1, draw: 0 })]).size).toBe(3);
});

test('viewsOf: every segment and shard has views of its own', () => {
  const { views } = recipeOf();
  const key = (shard: string, from: number) => viewsOf(shard, 32, views, 1, { from, to: from + 1 }).key;
  expect(new Set([key('a', 0), key('b', 0), key('a', 1)]).size).toBe(3);
});
