/**
 * Parameters → pixels. Views are grouped by their order of colour operations, so that a group is rendered by one sequence of plain
 * ops, and groups are cut to pieces that stay in the cache. A view's pixels do not depend on the other views of its piece.
 * Letters: n images · V views of each · B views of a piece · S side, pixels.
 */
import { compile, type Work } from '../compile/compile.ts';
import { bytesTensor, fromBytes, nativeValue } from '../ops/native.ts';
import type { HostTensor } from '../safetensors.ts';
import { type Tensor, tf } from '../tensorflow.ts';
import { blur, blurBands, blurRadius } from './blur.ts';
import { FORMS, grayscale, type Operation, operationOrder } from './colour.ts';
import { blocksOf, crop, cropInputs } from './crop.ts';
import { NO_JITTER, type ViewParameters } from './draw.ts';
import { erase, erasedSides } from './erasing.ts';
import { rotate, turnOf } from './rotation.ts';
import { NEVER, solarize } from './solarize.ts';

/** Pixels of one piece: 256 views of 32 px, 5 of 224 px; measured. Fewer cost calls, more leave the cache. */
const PIECE_PIXELS = 256 * 32 * 32;

/** Inputs of one piece: B views that share an order of colour operations. */
export type Piece = {
  /** uint8 of `bytesTensor`, float32 and float32: see `crop`. */
  windows: Tensor;
  rows: Tensor;
  columns: Tensor;
  /** See `rotate`; left out when no view at all is turned. */
  turns?: Tensor;
  /** float32 [B, 1, 1] each. */
  brightness: Tensor;
  contrast: Tensor;
  saturation: Tensor;
  hue: Tensor;
  /** float32 [B, 1, 1], 0 or 1; left out when no view of the piece is gray. */
  gray?: Tensor;
  /** See `blur`; left out when no view of the piece is blurred, else all are. */
  bands?: Tensor;
  /** See `solarize`; left out when no view at all is solarized. */
  threshold?: Tensor;
  /** See `erase`; left out when no view at all has a black box. */
  erasedRows?: Tensor;
  erasedColumns?: Tensor;
};

/** Order and form of the colour operations of a piece. */
export type Jitter = { order: Operation[]; form: keyof typeof FORMS };

/**
 * The views of one piece: crop, flips and resize, rotation, colour operations in their order, grayscale, blur, solarizing, erasing,
 * rounding. Pure, and in ops whose first dimension is free.
 * @returns float32 [B, S, S, 3], whole numbers 0 to 255
 */
export function develop(piece: Piece, size: number, { order, form }: Jitter): Tensor {
  const { windows, rows, columns, turns, gray, bands, threshold, erasedRows, erasedColumns } = piece;
  let planes = crop(fromBytes(windows), rows, columns, size, 1 / 255);
  if (turns) planes = rotate(planes, turns);
  for (const operation of order) planes = FORMS[form][operation](planes, piece[operation]);
  if (gray) planes = grayscale(planes, gray);
  if (bands) planes = blur(planes, bands);
  if (threshold) planes = solarize(planes, threshold);
  if (erasedRows && erasedColumns) planes = erase(planes, erasedRows, erasedColumns);
  return tf.round(tf.mul(tf.transpose(tf.stack(planes), [1, 2, 3, 0]), 255));
}

/** One compiled function for each order, form and kind of piece, made when it is first wanted; they take any number of views. */
const developers = new Map<string, Work>();

function developed(piece: Piece, { size, jitterForm: form }: ViewParameters, order: number): Tensor {
  const inputs = Object.fromEntries(Object.entries(piece).filter(([, tensor]) => tensor)) as Piece & Record<string, Tensor>;
  const key = [order, form, ...Object.keys(inputs), size].join(' ');
  const jitter: Jitter = { form, order: order === NO_JITTER ? [] : operationOrder(order) };
  const work = (given: Record<string, Tensor>) => ({ views: develop(given as Piece, size, jitter) });
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

/** The tensors that `develop` wants for some rows. */
function pieceOf(rows: number[], images: Uint8Array, parameters: ViewParameters): Piece {
  const { size, views, boxes, flip, verticalFlip, angle, gray, sigma, erased } = parameters;
  const b = rows.length;
  const perView = (values: ArrayLike<number>) =>
    tf.tensor3d(
      Float32Array.from(rows, (row) => values[row]!),
      [b, 1, 1],
    );
  const imageOf = (row: number) => {
    const image = Math.floor(row / views);
    return images.subarray(image * size * size * 3, (image + 1) * size * size * 3);
  };
  const blocks = blocksOf(size);
  const { count: k, length, window } = blocks;
  const crops = cropInputs(
    rows.map(imageOf),
    rows.map((row) => boxes[row]!),
    { flip: rows.map((row) => flip[row]!), verticalFlip: rows.map((row) => verticalFlip[row]!) },
    size,
    blocks,
  );
  const isBlurred = blurRadius(size) > 0 && sigma[rows[0]!]! > 0;
  return {
    windows: bytesTensor(crops.windows, [b, k, window, k, window, 3]),
    rows: tf.tensor4d(crops.rows, [b, k, length, window]),
    columns: tf.tensor4d(crops.columns, [b, k, window, length]),
    turns: angle.some(Boolean) ? tf.tensor2d(rows.map((row) => turnOf(angle[row]!, size))) : undefined,
    brightness: perView(parameters.brightness),
    contrast: perView(parameters.contrast),
    saturation: perView(parameters.saturation),
    hue: perView(parameters.hue),
    gray: rows.some((row) => gray[row]) ? perView(gray) : undefined,
    bands: isBlurred
      ? blurBands(
          rows.map((row) => sigma[row]!),
          size,
        )
      : undefined,
    threshold: parameters.solarize.some((from) => from !== NEVER) ? perView(parameters.solarize) : undefined,
    ...(erased.some(Boolean)
      ? erasedSides(
          rows.map((row) => erased[row]),
          size,
        )
      : undefined),
  };
}

function checkImages({ dtype, shape }: HostTensor, { images, size }: ViewParameters): void {
  const wanted = [images, size, size, 3];
  if (dtype !== 'uint8' || String(shape) !== String(wanted)) {
    throw new Error(`Cannot render views as images must be uint8 [${wanted}]: ${dtype} [${shape}]`);
  }
}

/**
 * How many views are rendered for so many rows: the next number with four binary digits before its zeros, so that there are 48 sizes of
 * pieces and not 256. oneDNN keeps what it makes for each size it meets, and a data worker grew by 100 MiB until it had met them all.
 */
export function pieceSize(rows: number): number {
  const step = 2 ** Math.max(0, Math.floor(Math.log2(rows)) - 3);
  return step * Math.ceil(rows / step);
}

/** The last row again until the piece is full. */
const filled = (rows: number[]): number[] => Array.from({ length: pieceSize(rows.length) }, (_, i) => rows[i] ?? rows.at(-1)!);

/** Each piece rendered in its turn: its rows, and their views first in float32 [B, S, S, 3], B ≥ rows. */
function* renderPieces(images: HostTensor, parameters: ViewParameters): Generator<{ rows: number[]; views: Tensor }> {
  checkImages(images, parameters);
  for (const rows of pieces(parameters)) {
    const order = parameters.order[rows[0]!]!;
    yield { rows, views: tf.tidy(() => developed(pieceOf(filled(rows), images.data as Uint8Array, parameters), parameters, order)) };
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
    let place = 0;
    for (const { rows, views } of rendered) {
      for (const [i, row] of rows.entries()) at[(row % v) * n + Math.floor(row / v)] = place + i;
      place += views.shape[0]!;
    }
    return tf.gather(
      tf.concat(
        rendered.map(({ views }) => views),
        0,
      ),
      tf.tensor1d(at, 'int32'),
    );
  });
}
