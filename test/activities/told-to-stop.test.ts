/** Activities that are cancelled while a store, or a disk with images, does not answer. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CancelledFailure } from '@temporalio/common';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDataActivities } from '../../activities/data.ts';
import { createPipelineActivities } from '../../activities/pipeline.ts';
import { createTrainingActivities } from '../../activities/training.ts';
import { type LabelDraw, Recipe } from '../../contracts/recipe.ts';
import { openFolder } from '../../learning/images/file-tree.ts';
import { openArtifacts } from '../../store/artifacts.ts';
import type { Store } from '../../store/store.ts';
import { tried } from './context.ts';

const never = () => new Promise<never>(() => undefined);
// biome-ignore lint/correctness/useYield: it never comes so far
async function* nothing(): AsyncGenerator<never> {
  await never();
}
const silent: Store = { put: never, putIfAbsent: never, get: never, stream: never, head: never, remove: never, list: nothing };

let scratch: string;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'fewlabels-test-'));
});
afterAll(() => rm(scratch, { recursive: true, force: true }));

const recipe = Recipe.parse({ name: 'silent', images: { train: { generated: 'shapes', perClass: 2 }, size: 16 } });
const { images: wanted, encoder, views, pretrain, finetune, distill, compute, seed } = recipe;
const ref = <Kind extends string>(kind: Kind) => ({ kind, key: kind, digest: kind });
const pool = { ...ref('shards'), images: 10, shards: 1, labelled: 10 };
const images = { pool, test: pool, classes: ['a', 'b'], size: 16, setAside: { count: 0, examples: [] } };
const labels = { ...ref('labels'), images: 10 };
const [representation, teacher, student] = [ref('representation'), ref('classifier'), ref('student')];
const draw: LabelDraw = { fraction: 0.5, draw: 0 };
const segment = { from: 0, to: 1 };
const models = { baseline: teacher, classifier: teacher, student };
const evaluation = { key: 'evaluation', digest: 'evaluation', scores: [] };
const training = { images, labels, seed, compute, encoder };

/** Every activity, on that store and those trees. */
function activitiesOn(openTree = openFolder) {
  const artifacts = openArtifacts(silent, {});
  const settings = { artifacts, scratch, environment: {}, stallSeconds: 600 };
  return {
    ...createPipelineActivities(settings, openTree),
    ...createDataActivities(artifacts, openTree),
    ...createTrainingActivities(settings),
  };
}

const on = activitiesOn();
const started: [string, () => Promise<unknown>][] = [
  ['survey', () => on.survey({ images: wanted, seed })],
  ['shard', () => on.shard({ plan: 'plan', shard: 0 })],
  ['seal', () => on.seal({ plan: 'plan' })],
  ['augment', () => on.augment({ pool, size: 16, views, seed, shard: 0, segment })],
  ['deleteViews', () => on.deleteViews({ pool, size: 16, views, seed, segment })],
  ['findRepresentation', () => on.findRepresentation({ images, encoder, views, pretrain, seed, compute })],
  ['pretrain', () => on.pretrain({ images, encoder, views, pretrain, seed, compute, segment })],
  ['drawLabels', () => on.drawLabels({ images, draw, seed })],
  ['splitLabels', () => on.splitLabels({ images, labels, seed })],
  ['finetune', () => on.finetune({ ...training, finetune })],
  ['distill', () => on.distill({ ...training, teacher, representation, distill, segment })],
  ['evaluate', () => on.evaluate({ images, draw, labels, compute, ...models })],
  [
    'writeReport',
    () =>
      on.writeReport({
        run: 'run',
        recipe,
        images,
        representation,
        models: [{ draw, ...models, evaluation }],
        setAside: images.setAside,
      }),
  ],
];
const hanging = () => ({ root: 'away', list: nothing, find: never, readRange: never });
const elsewhere = activitiesOn(hanging);
const away: [string, () => Promise<unknown>][] = [
  ['survey', () => elsewhere.survey({ images: { ...wanted, train: 'away' }, seed })],
  ['adopt', () => elsewhere.adopt({ file: 'away/weights.safetensors' })],
  ['drawLabels', () => elsewhere.drawLabels({ images, draw: { file: 'away/ids.txt', draw: 0 }, seed })],
];

test.each([
  ...started.map(([name, start]) => ({ name, what: 'a store', start })),
  ...away.map(([name, start]) => ({ name, what: 'a disk', start })),
])(
  '$name: hears that it is to stop while it waits for $what that does not answer',
  async ({ start }) => {
    let isOver = false;
    const { error } = await tried(undefined, async (cancel) => {
      const work = start().finally(() => (isOver = true));
      setTimeout(() => {
        expect(isOver).toBe(false);
        cancel();
      }, 200);
      return work;
    });
    expect(error).toBeInstanceOf(CancelledFailure);
  },
  10_000,
);
