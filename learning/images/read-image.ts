/** One listed image to square pixels, whatever kind of source it lies in. */
import { CIFAR_RECORD, CIFAR_SIDE } from './arrays.ts';
import { decodeImage, squareFromPixels } from './decode.ts';
import { type OpenTree, readWhole, splitPath } from './file-tree.ts';
import { inTurn } from './in-turn.ts';
import { IMAGE_BYTES } from './limits.ts';
import type { Access } from './listing.ts';
import { BrokenArray, readArray } from './npz.ts';
import { renderShape } from './shapes.ts';
import { UnreadableImage } from './unreadable.ts';

type NpzAccess = Extract<Access, { kind: 'npz' }>;

/**
 * The one compressed array this process has unpacked: workers go through the shards of one archive, so a second one would only
 * take memory (at most INFLATE_LIMIT, 2 GiB, each). Calls side by side share it.
 */
let unpacked: { key: string; data: Promise<Buffer> } | undefined;

function unpackedArray({ root, path, modified, array }: NpzAccess, openTree: OpenTree): Promise<Buffer> {
  const key = JSON.stringify([root, path, modified, array.start]);
  if (unpacked?.key !== key) {
    const data = readArray(openTree(root), path, array).catch((error) => {
      throw error instanceof BrokenArray ? new UnreadableImage(error.message, { cause: error }) : error;
    });
    data.catch((error) => {
      if (!(error instanceof UnreadableImage) && unpacked?.data === data) unpacked = undefined; // the next call tries again
    });
    unpacked = { key, data };
  }
  return unpacked.data;
}

function whole(bytes: Buffer, wanted: number): Buffer {
  return bytes.length === wanted ? bytes : fail(`its file ends early: ${bytes.length} of ${wanted} bytes`);
}

function fail(reason: string): never {
  throw new UnreadableImage(reason);
}

async function readNpzImage(access: NpzAccess, index: number, size: number, openTree: OpenTree): Promise<Uint8Array> {
  const { root, path, array } = access;
  const [, height, width, channels = 1] = array.shape;
  const bytes = height! * width! * channels;
  const start = array.start + array.skip + index * bytes;
  return inTurn(bytes, async () => {
    const pixels = array.stored
      ? whole(await openTree(root).readRange(path, start, start + bytes), bytes)
      : (await unpackedArray(access, openTree)).subarray(index * bytes, (index + 1) * bytes);
    return squareFromPixels(pixels, width!, height!, channels === 3 ? 3 : 1, size);
  });
}

/** Planes of red, green and blue to one RGB triple a pixel. */
function interleave(planes: Uint8Array): Uint8Array {
  const pixels = planes.length / 3;
  const data = new Uint8Array(planes.length);
  for (let i = 0; i < pixels; i++) for (let channel = 0; channel < 3; channel++) data[i * 3 + channel] = planes[channel * pixels + i]!;
  return data;
}

async function readCifarImage(root: string, at: string, size: number, openTree: OpenTree): Promise<Uint8Array> {
  const { root: file, name: index } = splitPath(at);
  const start = Number(index) * CIFAR_RECORD;
  const record = whole(await openTree(root).readRange(file, start, start + CIFAR_RECORD), CIFAR_RECORD);
  return squareFromPixels(interleave(record.subarray(1)), CIFAR_SIDE, CIFAR_SIDE, 3, size);
}

/**
 * @param at    which image of the source: see Access
 * @param size  side of the result, pixels
 * @returns     uint8 [size, size, 3], RGB
 * @throws UnreadableImage when this image cannot be used, Failure InvalidImages when its file is missing, too large or may not be read;
 *   trouble of the network or the disk as it comes
 */
export async function readImage(access: Access, at: string, size: number, openTree: OpenTree): Promise<Uint8Array> {
  switch (access.kind) {
    case 'files':
      return decodeImage(await readWhole(openTree(access.root), at, IMAGE_BYTES), size);
    case 'npz':
      return readNpzImage(access, Number(at), size, openTree);
    case 'cifar10':
      return readCifarImage(access.root, at, size, openTree);
    case 'shapes': {
      const { root: shape, name: index } = splitPath(at);
      return renderShape(access.seed, { set: access.set, shape, index: Number(index) }, size);
    }
  }
}
