/** Images kept as arrays in few large files: MedMNIST's NPZ and CIFAR-10's binary batches. */
import { FileList } from './file-list.ts';
import { type FileInfo, type FileTree, type OpenTree, readWhole, splitPath } from './file-tree.ts';
import { BATCH_BYTES, NAMES, PIXEL_LIMIT, TEXT_BYTES } from './limits.ts';
import { fingerprintOf, type Listing, ordinal, type Role, refuseImages, withClasses } from './listing.ts';
import { BrokenArray, integersOf, type NpyArray, openArray, openNpz, readArray } from './npz.ts';

const NAMES_SHOWN = 20;

const isImages = ({ dtype, shape }: NpyArray) =>
  /u1$/.test(dtype) && (shape.length === 3 || (shape.length === 4 && [1, 3].includes(shape[3]!)));

/** One class for each image, as [n] or [n, 1]. */
async function readLabels(tree: FileTree, path: string, array: NpyArray, images: number): Promise<ArrayLike<number>> {
  const [count, ...others] = array.shape;
  if (count !== images || others.some((side) => side !== 1))
    throw new BrokenArray(`there must be one label an image: labels [${array.shape}], images ${images}`);
  return integersOf(await readArray(tree, path, array), array);
}

async function readNpz(tree: FileTree, info: FileInfo, part: 'train' | 'test', labelled: boolean) {
  const arrays = await openNpz(tree, info);
  const [pixels, classes] = [arrays.get(`${part}_images`), arrays.get(`${part}_labels`)];
  if (!pixels) {
    const names = [...arrays.keys()].slice(0, NAMES_SHOWN).join(', ');
    throw new BrokenArray(`it must hold ${part}_images: it holds ${names || 'no arrays'}`);
  }
  const images = await openArray(tree, info, pixels);
  checkImages(images, `${part}_images`);
  const labels = labelled && classes ? await openArray(tree, info, classes) : undefined;
  return { images, labels: labels && (await readLabels(tree, info.path, labels, images.shape[0]!)) };
}

function checkImages(array: NpyArray, name: string): void {
  const { dtype, shape } = array;
  const [images, height, width] = shape;
  if (!isImages(array)) throw new BrokenArray(`${name} must be uint8 [n, h, w] or [n, h, w, 3]: ${dtype} [${shape}]`);
  if (images! > NAMES) throw new BrokenArray(`${name} must be at most ${NAMES} images: ${images}`);
  const pixels = height! * width!;
  if (pixels < 1 || pixels > PIXEL_LIMIT) throw new BrokenArray(`its images must have 1 to ${PIXEL_LIMIT} pixels: ${height} × ${width}`);
}

/**
 * An archive in MedMNIST's layout: `train_images` uint8 [n, h, w] or [n, h, w, 3] with `train_labels` integer [n] or [n, 1], and
 * the same for `test_`; `val_` is not used. Classes are the numbers. Unlabelled images are those of `train_`.
 */
export async function listNpz(source: string, role: Role, openTree: OpenTree): Promise<Listing> {
  const { root, name } = splitPath(source);
  const tree = openTree(root);
  const info = (await tree.find(name)) ?? refuseImages('the file must exist', `"${source}"`);
  const part = role === 'test' ? 'test' : 'train';
  const { images, labels } = await readNpz(tree, info, part, role !== 'unlabelled').catch((error) => {
    if (!(error instanceof BrokenArray)) throw error;
    return refuseImages('an .npz must be in the MedMNIST layout', `"${source}", ${error.message}`);
  });
  if (images.shape[0] === 0) refuseImages('a source must hold images', `"${source}" has none in ${part}_images`);
  return {
    ...withClasses(images.shape[0]!, (position) => labels && String(labels[position])),
    nameOf: (position) => ({ id: `${part}/${ordinal(position)}`, at: String(position) }),
    access: { kind: 'npz', root, path: name, modified: info.modified, array: images },
    fingerprint: await fingerprintOf(FileList.of([info]), part),
  };
}

/** One record of a batch: label, then 32 × 32 pixels of red, of green, of blue. */
export const CIFAR_RECORD = 3073;
export const CIFAR_SIDE = 32;
const TRAIN_BATCH = /^data_batch_\d+\.bin$/;
const TEST_BATCH = /^test_batch\.bin$/;

/** Whether a file is a batch of CIFAR-10's binary version. */
export const isCifarBatch = ({ path }: FileInfo) => TRAIN_BATCH.test(path) || TEST_BATCH.test(path);

async function classNames(tree: FileTree): Promise<string[]> {
  const info = await tree.find('batches.meta.txt');
  const lines = info ? (await readWhole(tree, info.path, TEXT_BYTES)).toString('utf8').split(/\r?\n/, 1024) : [];
  return lines.map((line) => line.trim()).filter((line) => line !== '');
}

/** The label of each record. Whole batches are read (30 MB each): one request, not ten thousand. */
async function batchLabels(tree: FileTree, { path, bytes }: FileInfo): Promise<Uint8Array> {
  if (bytes === 0 || bytes % CIFAR_RECORD !== 0)
    refuseImages(`a CIFAR-10 batch must consist of records of ${CIFAR_RECORD} bytes`, `"${tree.root}/${path}" has ${bytes} bytes`);
  const batch = await readWhole(tree, path, BATCH_BYTES);
  return Uint8Array.from({ length: bytes / CIFAR_RECORD }, (_, i) => batch[i * CIFAR_RECORD]!);
}

/**
 * A folder of CIFAR-10 binary batches: `data_batch_*.bin` to train, `test_batch.bin` to test, names from `batches.meta.txt`.
 * @param files  its batches
 */
export async function listCifar(tree: FileTree, files: FileInfo[], role: Role): Promise<Listing> {
  const pattern = role === 'test' ? TEST_BATCH : TRAIN_BATCH;
  const batches = files.filter(({ path }) => pattern.test(path)).sort((a, b) => (a.path < b.path ? -1 : 1));
  if (batches.length === 0)
    refuseImages(`a folder of CIFAR-10 batches must hold ${role === 'test' ? 'test_batch.bin' : 'data_batch_*.bin'}`, `"${tree.root}"`);
  const names = await classNames(tree);
  const parts: Uint8Array[] = [];
  for (const batch of batches) parts.push(await batchLabels(tree, batch));
  const labels = Buffer.concat(parts);
  return {
    ...withClasses(labels.length, (position) =>
      role === 'unlabelled' ? undefined : (names[labels[position]!] ?? String(labels[position])),
    ),
    nameOf(position) {
      let [batch, index] = [0, position];
      while (index >= parts[batch]!.length) index -= parts[batch++]!.length;
      const { path } = batches[batch]!;
      return { id: `${path.replace(/\.bin$/, '')}/${ordinal(index)}`, at: `${path}/${index}` };
    },
    access: { kind: 'cifar10', root: tree.root },
    fingerprint: await fingerprintOf(FileList.of(batches), names.join()),
  };
}
