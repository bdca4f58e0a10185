/** Where the images of a recipe lie: folders of this machine, and buckets. */
import type { Recipe } from '../contracts/recipe.ts';
import { servicesFromEnvironment } from '../contracts/services.ts';
import { findServices } from '../infra/local/services.ts';
import { type OpenTree, openFolder } from '../learning/images/file-tree.ts';
import { isS3Address, openS3Trees } from '../store/s3-tree.ts';
import { isRemote } from './sources.ts';
import type { Context } from './terminal.ts';

/** @throws Error when images lie in a bucket and no store is known that would have it */
export async function treesOf(recipe: Recipe, { environment }: Pick<Context, 'environment'>): Promise<OpenTree> {
  if (!isRemote(recipe)) return openFolder;
  const s3 = servicesFromEnvironment(environment).s3 ?? (await findServices(environment))?.s3;
  if (!s3)
    throw new Error(
      'Cannot look at images under s3:// as a store must serve them: start the embedded one with `npx fewlabels up`, or name yours in S3_ENDPOINT',
    );
  const openBucket = openS3Trees(s3);
  return (root) => (isS3Address(root) ? openBucket(root) : openFolder(root));
}
