/** Progress as a person reads it: one row a stage, from what the workflow tells and what running activities beat. Pure. */
import type { Beat, Reviewed, RunProgress, StageProgress } from '../contracts/progress.ts';
import { count, percent } from '../report/summary.ts';

/** `fraction` in [0, 1]. `text` says what is happening: counts, images/s, loss, time left. */
export type StageRow = { stage: string; state: StageProgress['state']; fraction: number; text: string };

/** One row per stage, in pipeline order. */
export function stageRows({ stages }: RunProgress, beats: Beat[]): StageRow[] {
  return stages.map((progress) => {
    const own = beats.filter(({ stage }) => stage === progress.stage);
    const fraction = fractionOf(progress, own);
    const shown = progress.state === 'waiting' && own.length > 0 ? 'running' : progress.state;
    return { stage: progress.stage, state: shown, fraction, text: textOf(progress, own) };
  });
}

/** Share done, counting pieces under way: a training's beat tells its steps over all of its segments. */
function fractionOf({ stage, state, done, total, each }: StageProgress, beats: Beat[]): number {
  if (state === 'done') return 1;
  if (total === 0) return 0;
  const shares = beats.filter((beat) => beat.total > 0).map((beat) => Math.min(1, beat.done / beat.total));
  const underWay = shares.reduce((sum, share) => sum + share, 0);
  if (stage === 'representation') return Math.min(1, Math.max(done / total, ...shares));
  if (!each) return Math.min(1, (done + underWay) / total);
  return Math.min(1, Math.max(done, done - (done % each) + underWay * each) / total); // earlier segments are in `done` already
}

const PIECES: Record<string, string> = {
  shards: 'shards',
  views: 'shards of views',
  representation: 'epochs',
  classifier: 'trainings',
  student: 'epochs',
};

function textOf({ stage, state, done, total, note }: StageProgress, beats: Beat[]): string {
  if (note) return note;
  const unit = PIECES[stage];
  const pieces = unit && total > 0 ? `${count(done)} of ${count(total)} ${unit}` : '';
  if (state !== 'running') return pieces;
  const rates = beats.flatMap(({ imagesPerSecond }) => (imagesPerSecond ? [imagesPerSecond] : []));
  const rate = rates.length > 0 ? `${count(Math.round(rates.reduce((sum, value) => sum + value, 0)))} images/s` : '';
  const beat = beats.at(-1);
  const loss = beat?.loss === undefined ? '' : `loss ${beat.loss.toPrecision(3)}`;
  const accuracy = beat?.accuracy === undefined ? '' : `${percent(beat.accuracy)} right in training`;
  const review = beat?.review ? reviewText(beat.review) : '';
  const left = beat?.secondsLeft === undefined ? '' : `${roundedTime(beat.secondsLeft)} left`;
  return [pieces, rate, loss, accuracy, review, left].filter((part) => part !== '').join(' · ');
}

/** `neighbours 41.2 %, linear probe 45 % right after 10 epochs`, of labelled images that are not learnt from. */
function reviewText({ epoch, knn, probe, heldOut }: Reviewed): string {
  const shares = [
    ['neighbours', knn],
    ['linear probe', probe],
    ['held out', heldOut],
  ] as const;
  const known = shares.flatMap(([name, share]) => (share === undefined ? [] : [`${name} ${percent(share)}`]));
  return `${known.join(', ')} right after ${count(epoch)} ${epoch === 1 ? 'epoch' : 'epochs'}`;
}

/** Time to the precision an estimate deserves: `40 s`, `12 min`, `3 h 20 min`. */
export function roundedTime(seconds: number): string {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds / 5) * 5)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** A row as a plain line: `representation   43 %  8 of 20 epochs · 1,234 images/s`. */
export function plainLine({ stage, state, fraction, text }: StageRow): string {
  const share = state === 'done' ? 'done' : `${Math.floor(100 * fraction)} %`;
  return `${stage.padEnd(15)} ${share.padStart(5)}  ${text}`.trimEnd();
}
