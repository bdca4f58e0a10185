/** views → representation: one segment of contrastive pretraining. No labels. */

import type { ImagesRef, StoredObject } from '../contracts/artifacts.ts';
import { Failure } from '../contracts/failures.ts';
import type { Recipe } from '../contracts/recipe.ts';
import type { PretrainInput, PretrainRecipe, PretrainResult, Segment } from '../contracts/stages.ts';
import type { PretrainJob } from '../contracts/trainer.ts';
import { VIEWS, viewSettings } from '../contracts/views.ts';
import { windowImages } from '../learning/feed.ts';
import { planTraining } from '../learning/plan.ts';
import type { Artifacts } from '../store/artifacts.ts';
import { partOf } from '../store/keys.ts';
import { Damaged } from '../store/verified.ts';
import { attempt } from './attempt.ts';
import { chainState, trainSegment } from './chain.ts';
import { representationOf, viewsOf } from './identity.ts';
import { readPositions } from './labels.ts';
import { packFiles, packsOf } from './packs.ts';
import { objectNamed, openSet, type ShardEntry, shardFiles } from './shardset.ts';
import { START_FILE, startFile } from './start.ts';
import type { InputFile, TrainerSettings } from './trainer.ts';
import { viewsFile } from './views.ts';

/** Labelled images that the features are scored by while they are learnt, and those asked about, at most: a look is to be short. */
const [MOST_KNOWN, MOST_JUDGED] = [4096, 1024];

export function pretrainActivities(settings: TrainerSettings) {
  return {
    async pretrain(input: PretrainInput): Promise<PretrainResult> {
      return attempt(async (current) => {
        const artifacts = settings.artifacts.until(current.signal);
        const { images, start, pretrain, views, seed, compute, segment, own, where = 'workers' } = input;
        const { architecture, ...identity } = representationOf(input);
        const { shards } = await openSet(artifacts, images.pool);
        const probe = input.probe && (await probeOf(artifacts, input.probe, input, shards));
        const job = {
          kind: 'pretrain' as const,
          architecture,
          start: start && START_FILE,
          pretrain,
          shards: shards.map((shard) => ({ images: shard.images })),
          views: where === 'device' ? viewSettings(views, images.size) : undefined,
          probe: probe?.job,
          untilEpoch: segment.to,
          seed,
          ...compute,
        };
        const files = async function* (): AsyncGenerator<InputFile> {
          if (start) yield { name: START_FILE, content: await startFile(artifacts, start) };
          if (probe) yield* probe.files();
        };
        const { epochs } = pretrain;
        const { from, to: until } = segment;
        const training = { kind: 'representation' as const, identity, epochs, from, until, files: files(), job };
        const cut = {
          ...planTraining({ ...pretrain, images: images.pool.images }),
          shards: job.shards,
          seed,
          windowImages: windowImages(images.size, VIEWS),
        };
        const supply = (step: number) => {
          const wanted = { shards, size: images.size, views, seed, segment, own, files: shardFiles(cut, step, until) };
          return where === 'device' ? supplyImages(wanted) : supplyViews(artifacts, wanted);
        };
        return trainSegment({ ...training, supply, made: { views: where } }, current, settings).catch(async (error: unknown) => {
          throw await orViewsMissing(artifacts, error);
        });
      });
    },
  };
}

export function representationActivities(settings: TrainerSettings) {
  return {
    async findRepresentation(input: PretrainRecipe & { images: ImagesRef }): Promise<PretrainResult> {
      return attempt(async ({ signal }) => {
        const heeding = { ...settings, artifacts: settings.artifacts.until(signal) };
        const state = await chainState('representation' as const, representationOf(input), heeding);
        const { epochsDone, result, loss, warning, review } = state;
        return { epochsDone, result, loss, warning, review };
      });
    },
  };
}

/** Labelled images in packs, for the trainer to score its features by. */
async function probeOf(
  artifacts: Artifacts,
  { labels, evaluationCrop }: NonNullable<PretrainInput['probe']>,
  { pretrain, images }: PretrainInput,
  shards: ShardEntry[],
): Promise<{ job: PretrainJob['probe']; files(): AsyncGenerator<InputFile> }> {
  const packs = async (which: 'positions' | 'heldOut', most: number) =>
    packsOf(artifacts, shards, (await readPositions(artifacts, labels, which)).subarray(0, most), images.size);
  const known = await packs('positions', MOST_KNOWN);
  const judged = await packs('heldOut', MOST_JUDGED);
  return {
    job: {
      everyEpochs: pretrain.probeEpochs,
      classes: images.classes.length,
      evaluationCrop,
      known: known.files,
      judged: judged.files,
    },
    async *files() {
      yield* packFiles('known', known);
      yield* packFiles('judged', judged);
    },
  };
}

/** What the trainer renders its views from: the shards themselves, anew in each epoch. */
function* supplyImages({ shards, files }: ViewsWanted): Generator<InputFile> {
  for (const { name, shard } of files) {
    const content = shards[shard]?.object;
    if (content) yield { name, content };
  }
}

type ViewsWanted = {
  shards: ShardEntry[];
  size: number;
  views: Recipe['views'];
  seed: number;
  segment: Segment;
  own?: string;
  files: ReturnType<typeof shardFiles>;
};

/** View files in the order in which the trainer reads them. */
export function* supplyViews(artifacts: Artifacts, { shards, size, views, seed, segment, own, files }: ViewsWanted) {
  const found = async (epoch: number, shard: number): Promise<StoredObject> => {
    const manifest = await artifacts.find('views', viewsOf(shards[shard]?.digest ?? '', size, views, seed, segment, own).key);
    if (manifest) return objectNamed(manifest, viewsFile(epoch));
    const rule = `views of shard ${shard + 1} are not there: they were deleted or never written`;
    throw new Failure('ViewsMissing', `Cannot pretrain epoch ${epoch + 1} as ${rule}`);
  };
  for (const { name, epoch, shard } of files) yield { name, content: () => found(epoch, shard) };
}

/**
 * Views that cannot be read are no loss, as they are made again: another run that shares them has deleted them since they were listed, or
 * they are damaged, and then they go. Any other error stays what it is.
 */
export async function orViewsMissing(artifacts: Artifacts, error: unknown): Promise<unknown> {
  const views = error instanceof Damaged ? partOf(error.object.key) : undefined;
  if (!(error instanceof Damaged) || views?.stage !== 'views') return error;
  if (!error.isGone) await artifacts.remove('views', views.key);
  return new Failure('ViewsMissing', `Cannot go on pretraining as views must be rendered again: ${error.message}`);
}
