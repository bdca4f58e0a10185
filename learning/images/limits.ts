/**
 * What a source may hold at most. People's images are far below; above it somebody's mistake or malice would take the memory of whoever
 * reads it.
 */

/** Largest image decoded, pixels: the largest cameras have 151 million. A small file can claim to be endless. */
export const PIXEL_LIMIT = 160_000_000;
/** Memory that decoding takes in a process, however many images are read side by side. One that would take more by itself is refused. */
export const DECODE_BYTES = 1.5 * 2 ** 30;
/** Of one image file: the largest camera's pixels in three bytes each. */
export const IMAGE_BYTES = 512 * 2 ** 20;
/** Of a table of labels or a list of images: half the longest string of JavaScript. */
export const TEXT_BYTES = 256 * 2 ** 20;
/** Of a batch of CIFAR-10, which has 30 MB. */
export const BATCH_BYTES = 512 * 2 ** 20;
/** Rows of a table: some hundred bytes of memory each. */
export const TABLE_ROWS = 10_000_000;
/** Images of one array, and names in a list: as many as a `Set` can hold. */
export const NAMES = 2 ** 24;
/** Classes of a source, and characters of the name of one: the names of all travel with every step of a run, in at most 2 MB. */
export const CLASSES = 65_536;
export const CLASS_NAME = 255;
