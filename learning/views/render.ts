/**
 * Parameters → pixels. Views are grouped by their order of colour operations, so that a group is rendered by one sequence of plain
 * ops, and groups are cut to pieces that stay in the cache. A view's pixels do not depend on the other views of its piece.
 * Letters: n images · V views of each · B views of a piece · S side, pixels.
 */
import { compile, type Work } from '../compile/compile.ts';
import { bytesTensor, fromBytes, nativeValue } from '../ops/native.ts';
import type { HostTensor } from '../safetensors.ts';
import { type Tensor, tf } from '../tensorflow.ts';
import { blur, blurMatrices, blurRadius } from './blur.ts';
import { grayscale, OPERATIONS, type Operation, operationOrder } from './colour.ts';
import { crop, cropMatrices, type TapsTable } from './crop.ts';
import { NO_JITTER, type ViewParameters } from './draw.ts';

/** Pixels of one piece: 256 views of 32 px, 5 of 224 px; measured. Fewer cost calls, more leave the cache. */
const PIECE_PIXELS = 256 * 32 * 32;

/** Inputs of one piece: B views that share an order of colour operations. */
export type Piece = {
  /** uint8 of `bytesTensor`, [B, S, S, 3]. */
  images: Tensor;
  /** float32 [B, S, S] each. */
  rows: Tensor;
  columns: Tensor;
  /** float32 [B, 1, 1] each. */
  brightness: Tensor;
  contrast: Tensor;
  saturation: Tensor;
  hue: Tensor;
  /** float32 [B, 1, 1], 0 or 1; left out when no view of the piece is gray. */
  gray?: Tensor;
  /** float32 [B, S, S]; left out when no view of the piece is blurred, else all are. */
  blurs?: Tensor;
};

/**
 * The views of one piece: crop, flip and resize, colour operations in their order, grayscale, blur, rounding.
 * Pure, and in ops whose first dimension is free.
 * @returns float32 [B, S, S, 3], whole numbers 0 to 255
 */
export function develop({ images, rows, columns, gray, blurs, ...factors }: Piece, order: Operation[]): Tensor {
  let planes = crop(fromBytes(images), rows, columns, 1 / 255);
  for (const operation of order) planes = OPERATIONS[operation](planes, factors[operation]);
  if (gray) planes = grayscale(planes, gray);
  if (blurs) planes = blur(planes, blurs);
  return tf.round(tf.mul(tf.transpose(tf.stack(planes), [1, 2, 3, 0]), 255));
}

/** One compiled function for each order and kind of piece, made when it is first wanted; they take any number of views. */
const developers = new Map<string, Work>();

function developed(piece: Piece, order: number): Tensor {
  const inputs = Object.fromEntries(Object.entries(piece).filter(([, tensor]) => tensor)) as Piece & Record<string, Tensor>;
  const key = [order, ...Object.keys(inputs), piece.images.shape[1]].join(' ');
  const operations = order === NO_JITTER ? [] : operationOrder(order);
  const work = (given: Record<string, Tensor>) => ({ views: develop(given as Piece, operations) });
  const developer = developers.get(key) ?? compile('renderer', work, { open: Object.keys(inputs) });
  developers.set(key, developer);
  return developer(inputs).views!;
}

/** Rows of the parameters that can be rendered together: of one order, and all of them blurred or none. */
function pieces({ order, sigma, size, boxes }: ViewParameters): number[][] {
  const groups = new Map<number, number[]>();
  for (let row = 0; row < boxes.length; row++) {
    const isBlurred = blurRadius(size) > 0 && sigma[row]! > 0;
    const key = 2 * order[row]! + Number(isBlurred);
    const group = groups.get(key) ?? [];
    group.push(row);
    groups.set(key, group);
  }
  const most = Math.max(1, Math.floor(PIECE_PIXELS / size ** 2));
  return [...groups.values()].flatMap((group) =>
    Array.from({ length: Math.ceil(group.length / most) }, (_, i) => group.slice(i * most, (i + 1) * most)),
  );
}

/** Source images of some rows, copied side by side: uint8 [B, S, S, 3]. */
function imagesOf(rows: number[], images: Uint8Array, { views, size }: ViewParameters): Tensor {
  const length = size * size * 3;
  const bytes = new Uint8Array(rows.length * length);
  for (const [i, row] of rows.entries()) {
    const image = Math.floor(row / views);
    bytes.set(images.subarray(image * length, (image + 1) * length), i * length);
  }
  return bytesTensor(bytes, [rows.length, size, size, 3]);
}

/** The tensors that `develop` wants for some rows. */
function pieceOf(rows: number[], images: Uint8Array, parameters: ViewParameters, table: TapsTable): Piece {
  const { size, boxes, flip, gray, sigma } = parameters;
  const cube = [rows.length, size, size] as [number, number, number];
  const perView = (values: ArrayLike<number>) =>
    tf.tensor3d(
      Float32Array.from(rows, (row) => values[row]!),
      [rows.length, 1, 1],
    );
  const matrices = cropMatrices(
    rows.map((row) => boxes[row]!),
    rows.map((row) => flip[row]!),
    size,
    table,
  );
  const isBlurred = blurRadius(size) > 0 && sigma[rows[0]!]! > 0;
  const sigmas = rows.map((row) => sigma[row]!);
  return {
    images: imagesOf(rows, images, parameters),
    rows: tf.tensor3d(matrices.rows, cube),
    columns: tf.tensor3d(matrices.columns, cube),
    brightness: perView(parameters.brightness),
    contrast: perView(parameters.contrast),
    saturation: perView(parameters.saturation),
    hue: perView(parameters.hue),
    gray: rows.some((row) => gray[row]) ? perView(gray) : undefined,
    blurs: isBlurred ? tf.tensor3d(blurMatrices(sigmas, size), cube) : undefined,
  };
}

function checkImages({ dtype, shape }: HostTensor, { images, size }: ViewParameters): void {
  const wanted = [images, size, size, 3];
  if (dtype !== 'uint8' || String(shape) !== String(wanted)) {
    throw new Error(`Cannot render views as images must be uint8 [${wanted}]: ${dtype} [${shape}]`);
  }
}

/** Each piece rendered in its turn: its rows, and their views as float32 [B, S, S, 3]. */
function* renderPieces(images: HostTensor, parameters: ViewParameters): Generator<{ rows: number[]; views: Tensor }> {
  checkImages(images, parameters);
  const table: TapsTable = new Map();
  for (const rows of pieces(parameters)) {
    const order = parameters.order[rows[0]!]!;
    yield { rows, views: tf.tidy(() => developed(pieceOf(rows, images.data as Uint8Array, parameters, table), order)) };
  }
}

/**
 * Whole numbers 0–255 in float32 to bytes on the host; four bytes travel as one int32 where they can. Reading is outside of the
 * tidy: tidy would look for tensors in every byte of what it returns.
 */
function toBytes(views: Tensor): Uint8Array {
  if (views.size % 4 !== 0) return Uint8Array.from(views.dataSync());
  const packed = tf.tidy(() => {
    const bytes = nativeValue('Cast', { types: { SrcT: 'float', DstT: 'uint8' } }, [tf.reshape(views, [views.size / 4, 4])]);
    return nativeValue('Bitcast', { types: { T: 'uint8', type: 'int32' } }, [bytes]);
  });
  const words = packed.dataSync();
  packed.dispose();
  return new Uint8Array(words.buffer, words.byteOffset, views.size);
}

/**
 * Render views on the host, for shards of views.
 * @param images  uint8 [n, S, S, 3]
 * @returns       uint8 [n, V, S, S, 3]
 */
export function renderViews(images: HostTensor, parameters: ViewParameters): HostTensor & { dtype: 'uint8' } {
  const { images: n, views: v, size } = parameters;
  const length = size * size * 3;
  const data = new Uint8Array(n * v * length);
  for (const { rows, views } of renderPieces(images, parameters)) {
    const bytes = toBytes(views);
    views.dispose();
    for (const [i, row] of rows.entries()) data.set(bytes.subarray(i * length, (i + 1) * length), row * length);
  }
  return { dtype: 'uint8', shape: [n, v, size, size, 3], data };
}

/**
 * Render views where the training runs, for a batch: all first views, then all second ones.
 * @param images  uint8 [n, S, S, 3]
 * @returns       float32 [V·n, S, S, 3], whole numbers 0 to 255; row v·n + i is view v of image i
 */
export function renderBatch(images: HostTensor, parameters: ViewParameters): Tensor {
  return tf.tidy(() => {
    const { images: n, views: v } = parameters;
    const rendered = [...renderPieces(images, parameters)];
    const at = new Int32Array(n * v);
    for (const [place, row] of rendered.flatMap(({ rows }) => rows).entries()) at[(row % v) * n + Math.floor(row / v)] = place;
    return tf.gather(
      tf.concat(
        rendered.map(({ views }) => views),
        0,
      ),
      tf.tensor1d(at, 'int32'),
    );
  });
}
