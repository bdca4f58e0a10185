/** The image sources of a recipe, as the command line speaks of them. */
import type { ImageSource, Recipe } from '../contracts/recipe.ts';

export function sourcesOf({ images }: Recipe): ImageSource[] {
  return [images.train, ...(images.test ? [images.test] : []), ...images.unlabelled];
}

/** Some images lie in a bucket: this machine may have no access to it. */
export function isRemote(recipe: Recipe): boolean {
  return [...sourcesOf(recipe).map(sourceText), ...[recipe.labels.file ?? []].flat()].some((place) => place.startsWith('s3://'));
}

/** A source as a person would name it. */
export function sourceText(source: ImageSource): string {
  if (typeof source === 'string') return source;
  return 'folder' in source ? source.folder : `generated ${source.generated}`;
}
