/**
 * Parameters → pixels. Views are grouped by their order of colour operations, so that a group is rendered by one sequence of plain
 * ops, and groups are cut to pieces that stay in the cache. A view's pixels do not depend on the other views of its piece.
 * Letters: n images · V views of each · B views of a piece · S side, pixels.
 */
import { bytesTensor, fromBytes, nativeValue } from '../ops/native.ts';
import type { HostTensor } from '../safetensors.ts';
import { type Tensor, tf } from '../tensorflow.ts';
import { blur, blurMatrices, blurRadius } from './blur.ts';
import { grayscale, OPERATIONS, type Operation, operationOrder } from './colour.ts';
import { crop, cropMatrices, type TapsTable } from './crop.ts';
import { NO_JITTER, type ViewParameters } from './draw.ts';
import type { Planes } from './planes.ts';

/** Pixels of one piece: 64 views of 32 px; measured, flat around it. */
const PIECE_PIXELS = 64 * 32 * 32;

/** Inputs of one piece, all float32: B views that share an order of colour operations. */
export type Piece = {
  /** [B, S, S, 3], 0 to 255. */
  images: Tensor;
  /** [B, S, S] each. */
  rows: Tensor;
  columns: Tensor;
  /** [B, 1, 1] each. */
  factors: Record<Operation, Tensor>;
  /** [B, 1, 1], 0 or 1; left out when no view of the piece is gray. */
  gray?: Tensor;
  /** [K, S, S] for the first K ≤ B views; left out when none is blurred. */
  blurs?: Tensor;
};

function blurFirst(planes: Planes, blurs: Tensor): Planes {
  const [b = 0, s = 0] = planes[0].shape;
  const k = blurs.shape[0] ?? 0;
  const part = (from: number, count: number): Planes => {
    const [red, green, blue] = planes.map((plane) => tf.slice(plane, [from, 0, 0], [count, s, s]));
    return [red!, green!, blue!];
  };
  const blurred = blur(k === b ? planes : part(0, k), blurs);
  if (k === b) return blurred;
  const [red, green, blue] = part(k, b - k).map((plane, channel) => tf.concat([blurred[channel]!, plane], 0));
  return [red!, green!, blue!];
}

/**
 * The views of one piece: crop, flip and resize, colour operations in their order, grayscale, blur, rounding.
 * Pure, and in ops whose first dimension is free.
 * @returns float32 [B, S, S, 3], whole numbers 0 to 255
 */
export function develop({ images, rows, columns, factors, gray, blurs }: Piece, order: Operation[]): Tensor {
  return tf.tidy(() => {
    let planes = crop(images, rows, columns, 1 / 255);
    for (const operation of order) planes = OPERATIONS[operation](planes, factors[operation]);
    if (gray) planes = grayscale(planes, gray);
    if (blurs) planes = blurFirst(planes, blurs);
    return tf.round(tf.mul(tf.transpose(tf.stack(planes), [1, 2, 3, 0]), 255));
  });
}

/** Rows of the parameters that can be rendered together; within a piece the blurred ones come first. */
function pieces({ order, sigma, size, boxes }: ViewParameters): number[][] {
  const groups = new Map<number, number[]>();
  for (let row = 0; row < boxes.length; row++) {
    const group = groups.get(order[row]!) ?? [];
    group.push(row);
    groups.set(order[row]!, group);
  }
  const most = Math.max(1, Math.floor(PIECE_PIXELS / size ** 2));
  return [...groups.values()].flatMap((group) => {
    const sorted = blurRadius(size) ? [...group.filter((row) => sigma[row]! > 0), ...group.filter((row) => sigma[row] === 0)] : group;
    return Array.from({ length: Math.ceil(sorted.length / most) }, (_, i) => sorted.slice(i * most, (i + 1) * most));
  });
}

/** Source images of some rows, copied side by side: uint8 → float32 [B, S, S, 3]. */
function imagesOf(rows: number[], images: Uint8Array, { views, size }: ViewParameters): Tensor {
  const length = size * size * 3;
  const bytes = new Uint8Array(rows.length * length);
  for (const [i, row] of rows.entries()) {
    const image = Math.floor(row / views);
    bytes.set(images.subarray(image * length, (image + 1) * length), i * length);
  }
  return fromBytes(bytesTensor(bytes, [rows.length, size, size, 3]));
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
  const sigmas = blurRadius(size) ? rows.map((row) => sigma[row]!).filter((value) => value > 0) : [];
  const { brightness, contrast, saturation, hue } = parameters;
  return {
    images: imagesOf(rows, images, parameters),
    rows: tf.tensor3d(matrices.rows, cube),
    columns: tf.tensor3d(matrices.columns, cube),
    factors: { brightness: perView(brightness), contrast: perView(contrast), saturation: perView(saturation), hue: perView(hue) },
    gray: rows.some((row) => gray[row]) ? perView(gray) : undefined,
    blurs: sigmas.length ? tf.tensor3d(blurMatrices(sigmas, size), [sigmas.length, size, size]) : undefined,
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
    const operations = order === NO_JITTER ? [] : operationOrder(order);
    yield { rows, views: tf.tidy(() => develop(pieceOf(rows, images.data as Uint8Array, parameters, table), operations)) };
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
