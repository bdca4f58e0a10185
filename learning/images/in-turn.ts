/** Large images wait for each other, so that memory is bounded however many are read side by side. */
import { DECODE_BYTES } from './limits.ts';

type Waiting = { bytes: number; begin: () => void };

/** Memory that images to be begun may still take. */
let free = DECODE_BYTES;
const waiting: Waiting[] = [];

function beginNext(): void {
  for (let next = waiting[0]; next && next.bytes <= free; next = waiting[0]) {
    waiting.shift();
    free -= next.bytes;
    next.begin();
  }
}

/**
 * Do some work on an image as soon as it and all that have begun take DECODE_BYTES at most together: small ones side by side, a large
 * one alone. First come, first served.
 * @param bytes  memory that it takes
 */
export async function inTurn<T>(bytes: number, work: () => Promise<T>): Promise<T> {
  const taken = Math.min(bytes, DECODE_BYTES);
  await new Promise<void>((begin) => {
    waiting.push({ bytes: taken, begin });
    beginNext();
  });
  try {
    return await work();
  } finally {
    free += taken;
    beginNext();
  }
}
