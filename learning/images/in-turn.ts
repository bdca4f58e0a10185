/** Large images wait for each other, so that memory is bounded however many are read side by side. */
import { PIXEL_LIMIT } from './limits.ts';

type Waiting = { pixels: number; begin: () => void };

/** Pixels that may still be begun: libvips takes up to some ten bytes for each. */
let free = PIXEL_LIMIT;
const waiting: Waiting[] = [];

function beginNext(): void {
  for (let next = waiting[0]; next && next.pixels <= free; next = waiting[0]) {
    waiting.shift();
    free -= next.pixels;
    next.begin();
  }
}

/**
 * Do some work on an image as soon as it and all that have begun have PIXEL_LIMIT pixels at most together: small ones side by side, a
 * large one alone. First come, first served.
 */
export async function inTurn<T>(pixels: number, work: () => Promise<T>): Promise<T> {
  const taken = Math.min(pixels, PIXEL_LIMIT);
  await new Promise<void>((begin) => {
    waiting.push({ pixels: taken, begin });
    beginNext();
  });
  try {
    return await work();
  } finally {
    free += taken;
    beginNext();
  }
}
