/** V8's garbage collector, on demand. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * Free what the host no longer uses. V8 does not hurry, as arrays outside of its heap look small to it; but the first weights or a
 * checkpoint are as large as the network, and training is about to take its memory.
 */
export function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}
