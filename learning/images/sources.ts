/** A source of images, told apart by looking: folders, a table of labels, an array file, batches, or shapes drawn on the spot. */
import type { ImageSource } from '../../contracts/recipe.ts';
import { isCifarBatch, listCifar, listNpz } from './arrays.ts';
import { FileList } from './file-list.ts';
import type { FileInfo, OpenTree } from './file-tree.ts';
import { isImage, isJunk, listFolderImages } from './folders.ts';
import { CLASS_NAME, CLASSES } from './limits.ts';
import { type Listing, ordinal, type Role, refuseImages, sha256, withClasses } from './listing.ts';
import { SHAPE_CLASSES, SHAPES_VERSION } from './shapes.ts';

/** `name` tells several sources of one role apart, as in `unlabelled-2`; `seed` draws the generated images. */
export type SourceSetting = { openTree: OpenTree; seed: number; name?: string };

function listShapes({ perClass, labelled }: { perClass: number; labelled: boolean }, set: string, seed: number): Listing {
  const shapeOf = (position: number) => SHAPE_CLASSES[Math.floor(position / perClass)]!;
  return {
    ...withClasses(SHAPE_CLASSES.length * perClass, (position) => (labelled ? shapeOf(position) : undefined)),
    nameOf(position) {
      const [shape, index] = [shapeOf(position), position % perClass];
      return { id: `${set}/${shape}/${ordinal(index)}`, at: `${shape}/${index}` };
    },
    access: { kind: 'shapes', set, seed },
    fingerprint: sha256(JSON.stringify(['shapes', SHAPES_VERSION, set, seed, perClass, labelled])),
  };
}

async function listFiles(folder: string, labels: string | undefined, role: Role, openTree: OpenTree): Promise<Listing> {
  const tree = openTree(folder);
  const files = new FileList();
  const batches: FileInfo[] = [];
  let all = 0;
  for await (const some of tree.list()) {
    all += some.length;
    for (const file of some) {
      if (isJunk(file.path)) continue;
      if (isCifarBatch(file)) batches.push(file);
      if (labels || isImage(file.path)) files.push(file); // a table may name any file
    }
  }
  return batches.length > 0 && !labels ? listCifar(tree, batches, role) : listFolderImages(tree, { files, all }, role, labels, openTree);
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
 * @returns classes that occur, sorted; labels and names of the images in a stable order; how to read them; the fingerprint of the files
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
