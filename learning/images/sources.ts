/** A source of images, told apart by looking: folders, a table of labels, an array file, batches, or shapes drawn on the spot. */
import type { ImageSource } from '../../contracts/recipe.ts';
import { isCifar, listCifar, listNpz } from './arrays.ts';
import type { OpenTree } from './file-tree.ts';
import { isJunk, listFolderImages } from './folders.ts';
import { CLASS_NAME, CLASSES } from './limits.ts';
import { type Listing, ordinal, type Role, refuseImages, sha256, withClasses } from './listing.ts';
import { SHAPE_CLASSES, SHAPES_VERSION } from './shapes.ts';

/** `name` tells several sources of one role apart, as in `unlabelled-2`; `seed` draws the generated images. */
export type SourceSetting = { openTree: OpenTree; seed: number; name?: string };

function listShapes({ perClass, labelled }: { perClass: number; labelled: boolean }, set: string, seed: number): Listing {
  const listed = SHAPE_CLASSES.flatMap((shape) =>
    Array.from({ length: perClass }, (_, i) => ({
      id: `${set}/${shape}/${ordinal(i)}`,
      at: `${shape}/${i}`,
      name: labelled ? shape : undefined,
    })),
  );
  const fingerprint = sha256(JSON.stringify(['shapes', SHAPES_VERSION, set, seed, perClass, labelled]));
  return { ...withClasses(listed), access: { kind: 'shapes', set, seed }, fingerprint };
}

async function listFiles(folder: string, labels: string | undefined, role: Role, openTree: OpenTree): Promise<Listing> {
  const tree = openTree(folder);
  const files = await tree.list();
  const usable = files.filter(({ path }) => !isJunk(path));
  return isCifar(usable) && !labels ? listCifar(tree, usable, role) : listFolderImages(tree, files, role, labels, openTree);
}

function checkClassNames(source: string, classes: string[]): void {
  if (classes.length > CLASSES) refuseImages(`a source may have at most ${CLASSES} classes`, `"${source}" has ${classes.length}`);
  const long = classes.find((name) => name.length > CLASS_NAME);
  if (long) refuseImages(`a class name may have at most ${CLASS_NAME} characters`, `"${source}" has "${long.slice(0, 40)}…"`);
}

/**
 * List the images of a source without decoding any.
 * @param source  as in the recipe; paths absolute or relative to the working folder, or under `s3://`
 * @param role    picks `train_` or `test_` of array files; `unlabelled` ignores all labels
 * @returns classes that occur, sorted; images in a stable order; how to read them; the fingerprint of the files
 * @throws Failure InvalidImages: folder missing or unreadable, no images, a table or an array file that breaks its rules, more classes or longer
 *   names than there may be
 */
export async function listSource(source: ImageSource, role: Role, { openTree, seed, name = role }: SourceSetting): Promise<Listing> {
  if (typeof source === 'object' && 'generated' in source) {
    return listShapes({ perClass: source.perClass, labelled: source.labelled && role !== 'unlabelled' }, name, seed);
  }
  const { folder, labels } = typeof source === 'string' ? { folder: source, labels: undefined } : source;
  const path = folder.length > 1 ? folder.replace(/\/+$/, '') : folder;
  const listing = await (/\.npz$/i.test(path) ? listNpz(path, role, openTree) : listFiles(path, labels, role, openTree));
  checkClassNames(path, listing.classes);
  return listing;
}
