/** What can be known of a run before it starts: whether all that its recipe names is there, the plan of its images, its label draws. */
import { stat } from 'node:fs/promises';
import { Failure } from '../contracts/failures.ts';
import type { ImageSource, Recipe } from '../contracts/recipe.ts';
import { memoryMistake } from '../contracts/recipe-rules.ts';
import { openFolder } from '../learning/images/file-tree.ts';
import type { Role } from '../learning/images/listing.ts';
import { planShards } from '../learning/images/plan.ts';
import type { ShardPlan } from '../learning/images/plan-format.ts';
import { listSource } from '../learning/images/sources.ts';
import { type Drawn, drawnFrom } from './label-draws.ts';
import { BadInput, EXIT, exitStatus, explain } from './problem.ts';
import type { PlaceOf } from './recipe-file.ts';
import { isRemote, isRemotePlace, type Place, placesOf, sourceText } from './sources.ts';
import { checkStart } from './start-weights.ts';

/** What a source on this machine holds, where others lie in a bucket. */
export type Listed = { source: string; images: number; classes: number };
export type Ahead = { plan: ShardPlan; draws: Drawn[] } | { listed: Listed[] };

/**
 * Look at everything from here. While some images lie in a bucket, which this machine may have no access to, the others are listed.
 * @throws BadInput with every mistake, or the one Failure there is
 */
export async function lookAhead(
  { recipe, placeOf }: { recipe: Recipe; placeOf: PlaceOf },
  variables: Record<string, string | undefined>,
): Promise<Ahead> {
  const missing = await missingOf(recipe);
  const mistakes: unknown[] = missing.map(({ failure }) => failure);
  const places = new Set(missing.map(({ path }) => path));
  const isMissing = (section: string) => missing.some(({ key }) => key.startsWith(section));
  const gather = async <T>(work: () => Promise<T>): Promise<T | undefined> =>
    work().catch((error: unknown) => {
      if (exitStatus(error) !== EXIT.badInput) throw error;
      mistakes.push(error);
      return undefined;
    });
  if (!isMissing('pretrain.start')) await gather(() => checkStart(recipe, variables));
  const plan = isRemote(recipe) || isMissing('images') ? undefined : await gather(() => planHere(recipe, placeOf));
  const draws = plan && !isMissing('labels.file') ? await gather(() => drawnFrom(recipe, plan)) : undefined;
  const listed = isRemote(recipe) ? await gather(() => listHere(recipe, places)) : undefined;
  if (mistakes.length > 0) throw mistakes.length > 1 ? new BadInput(mistakes.flatMap(explain)) : mistakes[0];
  return plan && draws ? { plan, draws } : { listed: listed ?? [] };
}

async function planHere(recipe: Recipe, placeOf: PlaceOf): Promise<ShardPlan> {
  const plan = await planShards({ images: recipe.images, seed: recipe.seed, openTree: openFolder });
  const mistake = memoryMistake(recipe, plan.header.pool.images);
  if (mistake) throw new BadInput(`${mistake.path.join('.')} ${mistake.message} ${placeOf(mistake.path)}`);
  return plan;
}

/** Places on this machine where there is nothing. */
async function missingOf(recipe: Recipe): Promise<(Place & { failure: Failure })[]> {
  const looked = placesOf(recipe).map(async ({ key, path }) => {
    if (isRemotePlace(path)) return [];
    const code = await stat(path).then(
      () => undefined,
      (error: NodeJS.ErrnoException) => error.code,
    );
    const failure = new Failure('InvalidImages', `Cannot read ${key} as it must exist: "${path}"`);
    return code === 'ENOENT' || code === 'ENOTDIR' ? [{ key, path, failure }] : [];
  });
  return (await Promise.all(looked)).flat();
}

/** The sources that lie here and are there. */
async function listHere({ images, seed }: Recipe, missing: Set<string>): Promise<Listed[]> {
  const sources: [ImageSource | undefined, Role][] = [
    [images.train, 'train'],
    [images.test, 'test'],
    ...images.unlabelled.map((source): [ImageSource, Role] => [source, 'unlabelled']),
  ];
  const listed: Listed[] = [];
  for (const [source, role] of sources) {
    if (source === undefined || pathsOf(source).some((path) => isRemotePlace(path) || missing.has(path))) continue;
    const listing = await listSource(source, role, { openTree: openFolder, seed });
    listed.push({ source: sourceText(source), images: listing.labels.length, classes: listing.classes.length });
  }
  return listed;
}

function pathsOf(source: ImageSource): string[] {
  if (typeof source === 'string') return [source];
  return 'folder' in source ? [source.folder, ...(source.labels ? [source.labels] : [])] : [];
}
