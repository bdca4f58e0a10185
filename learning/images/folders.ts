/** Image files in folders: one sub-folder per class, or flat with a table of labels, or flat without. */
import type { FileInfo, FileTree, OpenTree } from './file-tree.ts';
import { readWhole, splitPath } from './file-tree.ts';
import { readLabelTable } from './label-table.ts';
import { TEXT_BYTES } from './limits.ts';
import { byCodeUnits, fingerprintOf, type Listing, type Role, refuseImages, sha256, withClasses } from './listing.ts';

const IMAGE = /\.(jpe?g|png|webp|tiff?|gif|bmp|avif)$/i;
const JUNK = new Set(['__macosx', 'thumbs.db', 'desktop.ini', '@eadir', '$recycle.bin']);

/** Hidden files and what operating systems leave behind. */
export const isJunk = (path: string) => path.split('/').some((part) => part.startsWith('.') || JUNK.has(part.toLowerCase()));

/** The class of a file is the top sub-folder it lies in, however deep. */
const topFolder = (path: string) => (path.includes('/') ? path.slice(0, path.indexOf('/')) : undefined);

async function readTable(csv: string, files: FileInfo[], openTree: OpenTree) {
  const { root, name } = splitPath(csv);
  const tree = openTree(root);
  if (!(await tree.find(name))) refuseImages('the table of labels must exist', `"${csv}"`);
  const text = (await readWhole(tree, name, TEXT_BYTES)).toString('utf8');
  return { labels: readLabelTable(csv, text, new Set(files.map(({ path }) => path))), text };
}

/**
 * Files count as images by their extension; one that is no image after all is set aside when it is decoded. Files that a table
 * names count whatever their extension.
 * @param files  every file of the tree
 * @param csv    table of labels of a flat folder, a path or an address
 */
export async function listFolderImages(
  tree: FileTree,
  files: FileInfo[],
  role: Role,
  csv: string | undefined,
  openTree: OpenTree,
): Promise<Listing> {
  const usable = files.filter(({ path }) => !isJunk(path)).sort((a, b) => byCodeUnits(a.path, b.path));
  const table = csv && role !== 'unlabelled' ? await readTable(csv, usable, openTree) : undefined;
  const images = usable.filter(({ path }) => IMAGE.test(path) || table?.labels.has(path));
  if (images.length === 0) refuseImages('a folder must hold images', `"${tree.root}" holds ${files.length} files and no image among them`);
  const nameOf = (path: string) => (role === 'unlabelled' ? undefined : table ? table.labels.get(path) : topFolder(path));
  const listed = withClasses(images.map(({ path }) => ({ id: path, at: path, name: nameOf(path) })));
  return {
    ...listed,
    access: { kind: 'files', root: tree.root },
    fingerprint: fingerprintOf(images, table ? sha256(table.text) : 'folders'),
  };
}
