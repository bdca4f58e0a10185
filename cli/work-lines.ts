/** How activities under way stand, as a person reads it: which try it is, and what would be lost. Pure. */
import type { Pulse } from '../contracts/progress.ts';
import { count } from '../report/summary.ts';
import { roundedTime } from './stage-rows.ts';

/** `after`: the kind of the last failure; `checkpoint`: the newest one, `seconds` ago where that is known. */
export type Work = { activity: string; attempt: number; after?: string; repeats?: number; checkpoint?: { step: number; seconds?: number } };

/** What there is to tell of an activity, by its last heartbeat. */
export function workOf(activity: string, attempt: number, after: string | undefined, pulse: Pulse | undefined, now: Date): Work {
  const { checkpoint, failures } = pulse ?? {};
  const repeats = Object.entries(failures?.counts ?? {}).find(([kind]) => kind === after)?.[1];
  const at = checkpoint?.at ? Date.parse(checkpoint.at) : Number.NaN;
  const seconds = Number.isNaN(at) ? undefined : Math.max(0, Math.round((now.getTime() - at) / 1000));
  return { activity, attempt, after, repeats, checkpoint: checkpoint && { step: checkpoint.step, seconds } };
}

/** `pretrain: 2nd try after TrainerCrashed; last checkpoint step 1,200, 40 s ago`; nothing where it is the first try and has none. */
export function workLine({ activity, attempt, after, repeats = 0, checkpoint }: Work): string | undefined {
  const parts: string[] = [];
  const often = repeats > 1 ? `, ${repeats} times without progress` : '';
  if (attempt > 1) parts.push(`${ordinal(attempt)} try${after ? ` after ${after}${often}` : ''}`);
  const ago = checkpoint?.seconds === undefined ? '' : `, ${roundedTime(checkpoint.seconds)} ago`;
  if (checkpoint) parts.push(`last checkpoint step ${count(checkpoint.step)}${ago}`);
  return parts.length > 0 ? `${activity}: ${parts.join('; ')}` : undefined;
}

function ordinal(number: number): string {
  const isTeen = number % 100 >= 11 && number % 100 <= 13;
  return `${number}${isTeen ? 'th' : (['th', 'st', 'nd', 'rd'][number % 10] ?? 'th')}`;
}
