/** The image sources of a recipe, and whatever else it names, as the command line speaks of them. */
import type { ImageSource, Recipe } from '../contracts/recipe.ts';

export function sourcesOf({ images }: Recipe): ImageSource[] {
  return [images.train, ...(images.test ? [images.test] : []), ...images.unlabelled];
}

/** A folder, file or address, and the key that names it. */
export type Place = { key: string; path: string };

/** Every place that a recipe names. */
export function placesOf({ images, labels, pretrain }: Recipe): Place[] {
  const { file } = labels;
  const files = Array.isArray(file) ? file.map((path, i) => ({ key: `labels.file[${i}]`, path })) : placeOf('labels.file', file);
  return [
    ...placesOfSource('images.train', images.train),
    ...placesOfSource('images.test', images.test),
    ...images.unlabelled.flatMap((source, i) => placesOfSource(`images.unlabelled[${i}]`, source)),
    ...files,
    ...placeOf('pretrain.start', pretrain.start),
  ];
}

function placesOfSource(key: string, source: ImageSource | undefined): Place[] {
  if (typeof source !== 'object') return placeOf(key, source);
  return 'folder' in source ? [{ key: `${key}.folder`, path: source.folder }, ...placeOf(`${key}.labels`, source.labels)] : [];
}

const placeOf = (key: string, path: string | undefined): Place[] => (path === undefined ? [] : [{ key, path }]);

export const isRemotePlace = (path: string): boolean => path.startsWith('s3://');

/** Some images or their labels lie in a bucket: this machine may have no access to it. */
export function isRemote(recipe: Recipe): boolean {
  return placesOf(recipe).some(({ key, path }) => key !== 'pretrain.start' && isRemotePlace(path));
}

/** A source as a person would name it. */
export function sourceText(source: ImageSource): string {
  if (typeof source === 'string') return source;
  return 'folder' in source ? source.folder : `generated ${source.generated}`;
}
