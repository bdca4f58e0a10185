/** Activities as a worker runs them, without one. */
import { asyncLocalStorage, Context, type Info } from '@temporalio/activity';
import { CancelledFailure, noopMetricMeter } from '@temporalio/common';
import { DefaultLogger } from '@temporalio/worker';
import type { Pulse } from '../../contracts/progress.ts';

export type Ended = { error: unknown; pulses: Pulse[] };

/** One attempt of `pretrain`, or of what `work` says. @param before  the last heartbeat that came of the attempt before */
export async function tried(before: Pulse | undefined, work: (cancel: () => void) => Promise<unknown>): Promise<Ended> {
  const [pulses, cancelling]: [Pulse[], AbortController] = [[], new AbortController()];
  const info = { activityType: 'pretrain', attempt: before ? 2 : 1, heartbeatDetails: before } as Info;
  const never = new Promise<never>(() => undefined);
  const beat = (details: Pulse) => void pulses.push(JSON.parse(JSON.stringify(details)));
  const context = new Context(info, never, cancelling.signal, beat, undefined, new DefaultLogger('ERROR'), noopMetricMeter, {});
  const cancel = () => cancelling.abort(new CancelledFailure('CANCELLED'));
  const error = await asyncLocalStorage
    .run(context, () => work(cancel))
    .then(
      () => undefined,
      (error: unknown) => error,
    );
  return { error, pulses };
}
