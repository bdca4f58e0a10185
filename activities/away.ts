/** A store that is away: what does not depend on it goes on, and what does waits here until it is back. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../contracts/failures.ts';

export type Waiting = {
  /** Nobody waits any longer. */
  signal: AbortSignal;
  /** Hears why it waits, and undefined once it does no more. */
  tell(why: string | undefined): void;
  /** Seconds between two tries. A store has waited about ten by itself before it says that it is away. */
  againSeconds: number;
};

/** Do `action`, again and again while the store is away. @throws what it throws otherwise; Failure StoreUnavailable once aborted */
export async function whileAway<T>(action: () => Promise<T>, { signal, tell, againSeconds }: Waiting): Promise<T> {
  for (;;) {
    try {
      const result = await action();
      tell(undefined);
      return result;
    } catch (error) {
      if (!isAway(error) || signal.aborted) throw error;
      tell(error.message);
      await sleep(againSeconds * 1000, undefined, { signal }).catch(() => {
        throw error;
      });
    }
  }
}

export const isAway = (error: unknown): error is Failure => error instanceof Failure && error.kind === 'StoreUnavailable';
