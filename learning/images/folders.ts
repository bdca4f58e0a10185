/** Image files in folders: one sub-folder per class, or flat with a table of labels, or flat without. */
import type { FileList } from './file-list.ts';
import { type FileTree, type OpenTree, readWhole, splitPath } from './file-tree.ts';
import { readLabelTable } from './label-table.ts';
import { TEXT_BYTES } from './limits.ts';
import { fingerprintOf, type Listing, type Role, refuseImages, sha256, withClasses } from './listing.ts';

const IMAGE = /\.(jpe?g|png|webp|tiff?|gif|bmp|avif)$/i;
const JUNK = new Set(['__macosx', 'thumbs.db', 'desktop.ini', '@eadir', '$recycle.bin']);

export const isImage = (path: string) => IMAGE.test(path);

/** Hidden files and what operating systems leave behind. */
export const isJunk = (path: string) => path.split('/').some((part) => part.startsWith('.') || JUNK.has(part.toLowerCase()));

/** The class of a file is the top sub-folder it lies in, however deep. */
const topFolder = (path: string) => (path.includes('/') ? path.slice(0, path.indexOf('/')) : undefined);

async function readTable(csv: string, files: FileList, openTree: OpenTree) {
  const { root, name } = splitPath(csv);
  const tree = openTree(root);
  if (!(await tree.find(name))) refuseImages('the table of labels must exist', `"${csv}"`);
  const text = (await readWhole(tree, name, TEXT_BYTES)).toString('utf8');
  return { labels: readLabelTable(csv, text, files), text };
}

/**
 * Files count as images by their extension; one that is no image after all is set aside when it is decoded. Files that a table
 * names count whatever their extension.
 * @param files  those that may be images; `all` counts every file of the tree
 * @param csv    table of labels of a flat folder, a path or an address
 */
export async function listFolderImages(
  tree: FileTree,
  { files, all }: { files: FileList; all: number },
  role: Role,
  csv: string | undefined,
  openTree: OpenTree,
): Promise<Listing> {
  await files.sort();
  const table = csv && role !== 'unlabelled' ? await readTable(csv, files, openTree) : undefined;
  if (csv) files.keep((path) => isImage(path) || table?.labels.has(path) === true);
  if (files.length === 0) refuseImages('a folder must hold images', `"${tree.root}" holds ${all} files and no image among them`);
  const classOf = (path: string) => (role === 'unlabelled' ? undefined : table ? table.labels.get(path) : topFolder(path));
  return {
    ...withClasses(files.length, (position) => classOf(files.path(position))),
    nameOf(position) {
      const path = files.path(position);
      return { id: path, at: path };
    },
    access: { kind: 'files', root: tree.root },
    fingerprint: await fingerprintOf(files, table ? sha256(table.text) : 'folders'),
  };
}
