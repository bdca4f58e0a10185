/** Attempts of an activity, one after the other, each finding the last heartbeat of the one before. */
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { describe, expect, test } from 'vitest';
import { type Attempt, attempt } from '../../activities/attempt.ts';
import { counted } from '../../activities/budget.ts';
import { Failure, type FailureKind } from '../../contracts/failures.ts';
import type { Beat, Pulse } from '../../contracts/progress.ts';
import { type Ended, tried as triedIn } from './context.ts';

const tried = (before: Pulse | undefined, work: (attempt: Attempt, cancel: () => void) => Promise<unknown>) =>
  triedIn(before, (cancel) => attempt((current) => work(current, cancel)));

const fails = (kind: FailureKind, beat?: Partial<Beat>) => async (current: Attempt) => {
  if (beat) current.progress({ stage: 'representation', done: 0, total: 100, unit: 'steps', ...beat });
  throw new Failure(kind, `Cannot go on as ${kind}`);
};
const kept = (step: number) => ({ done: step, checkpoint: { step, key: 'chain' } });
/** Attempts in a row. @returns how the last one ended, and how many there were */
async function inARow(works: ReturnType<typeof fails>[], before?: Pulse): Promise<Ended & { attempts: number }> {
  let ended: Ended = { error: undefined, pulses: before ? [before] : [] };
  let attempts = 0;
  for (const work of works) {
    attempts++;
    ended = await tried(ended.pulses.at(-1), work);
    if (ended.error instanceof ApplicationFailure && ended.error.nonRetryable) break;
  }
  return { ...ended, attempts };
}
const times = (count: number, work: ReturnType<typeof fails>) => Array.from({ length: count }, () => work);

describe('attempt: the budget of failures', () => {
  test('attempt: the fifth failure of a kind without progress stops the run and names the last message', async () => {
    const { error, attempts } = await inARow(times(9, fails('TrainerCrashed', { done: 3 })));
    expect(attempts).toBe(5);
    expect(error).toMatchObject({
      type: 'RepeatedFailure',
      nonRetryable: true,
      message:
        'Cannot go on with pretrain as a failure must not come 5 times without progress: TrainerCrashed: Cannot go on as TrainerCrashed',
    });
  });

  test('attempt: pauses grow from one to the next', async () => {
    const pauses = [];
    let before: Pulse | undefined;
    for (let i = 0; i < 4; i++) {
      const { error, pulses } = await tried(before, fails('TrainerCrashed'));
      pauses.push((error as ApplicationFailure).nextRetryDelay);
      before = pulses.at(-1);
    }
    expect(pauses).toEqual(['2 seconds', '15 seconds', '1 minute', '5 minutes']);
  });

  test('attempt: a checkpoint made since begins the count anew', async () => {
    const crash = fails('TrainerCrashed');
    const crashes = [...times(4, crash), fails('TrainerCrashed', kept(10)), ...times(3, crash), fails('TrainerCrashed', kept(20))];
    const { error, attempts } = await inARow([...crashes, ...times(9, crash)]);
    expect(attempts).toBe(crashes.length + 4);
    expect(error).toMatchObject({ type: 'RepeatedFailure' });
  });

  test('attempt: kinds are counted apart, so that two that take turns stop the run too', async () => {
    const turns = Array.from({ length: 20 }, (_, i) => fails(i % 2 ? 'TrainerStalled' : 'TrainerCrashed'));
    expect((await inARow(turns)).attempts).toBe(9);
  });

  test('attempt: a store that is away is waited for without end', async () => {
    const { error, attempts } = await inARow(times(50, fails('StoreUnavailable')));
    expect(attempts).toBe(50);
    expect(error).toMatchObject({ type: 'StoreUnavailable', nonRetryable: false });
    expect((error as ApplicationFailure).nextRetryDelay).toBeUndefined();
  });

  test('attempt: preemption counts for nothing, and takes no count away', async () => {
    const preempted = (current: Attempt, cancel: () => void) => {
      cancel();
      return Promise.resolve(current.check());
    };
    let before: Pulse | undefined;
    for (let i = 0; i < 50; i++) {
      const { error, pulses } = await tried(before, preempted);
      expect(error).toBeInstanceOf(CancelledFailure);
      before = pulses.at(-1);
    }
    expect(before?.failures?.counts).toEqual({});
    const { pulses } = await inARow(times(4, fails('TrainerCrashed')), before);
    const after = await tried(pulses.at(-1), preempted);
    expect((await tried(after.pulses.at(-1), fails('TrainerCrashed'))).error).toMatchObject({ type: 'RepeatedFailure' });
  });

  test('attempt: workers lost in the midst of an attempt are counted by the next one, to twenty', async () => {
    let before: Pulse | undefined;
    let lost = 0;
    for (; lost < 30; lost++) {
      const { error, pulses } = await tried(before, async () => undefined);
      if (error) {
        expect(error).toMatchObject({ type: 'RepeatedFailure', message: expect.stringContaining('20 times without progress: WorkerLost') });
        break;
      }
      before = pulses[0]; // the last one that came
    }
    expect(lost).toBe(20);
  });

  test('counted: begins anew where the newest checkpoint is another', () => {
    const two = counted(counted({ counts: {} }, 'TrainerCrashed'), 'TrainerCrashed');
    expect(two).toEqual({ counts: { TrainerCrashed: 2 }, step: undefined });
    expect(counted(two, 'TrainerStalled')).toEqual({ counts: { TrainerCrashed: 2, TrainerStalled: 1 }, step: undefined });
    expect(counted(two, 'TrainerCrashed', 10)).toEqual({ counts: { TrainerCrashed: 1 }, step: 10 });
  });
});

describe('attempt: kinds of failures', () => {
  test('attempt: out of memory is fatal before the first step, and tried again once there was one', async () => {
    expect((await tried(undefined, fails('OutOfMemory'))).error).toMatchObject({ type: 'OutOfMemory', nonRetryable: true });
    const { error, pulses } = await tried(undefined, fails('OutOfMemory', { done: 1 }));
    expect(error).toMatchObject({ type: 'OutOfMemory', nonRetryable: false });
    const goesOn = await tried(undefined, fails('OutOfMemory', { checkpoint: { step: 3, key: 'from the segment before' } }));
    expect(goesOn.error).toMatchObject({ type: 'OutOfMemory', nonRetryable: false });
    const again = await tried(pulses.at(-1), fails('OutOfMemory'));
    expect(again.error).toMatchObject({ type: 'OutOfMemory', nonRetryable: false });
    expect((await inARow(times(9, fails('OutOfMemory')), again.pulses.at(-1))).error).toMatchObject({ type: 'RepeatedFailure' });
  });

  test('attempt: what the table calls fatal is so at once', async () => {
    expect((await inARow(times(3, fails('TrainingDiverged')))).attempts).toBe(1);
  });

  test('attempt: an error of no known kind is Unexpected and counted', async () => {
    const broken = () => Promise.reject(new TypeError('x is not a function'));
    const { error, attempts } = await inARow(times(9, broken));
    expect([attempts, (error as Error).message]).toEqual([5, expect.stringContaining('Unexpected: x is not a function')]);
    expect((await tried(undefined, broken)).error).toMatchObject({ type: 'Unexpected', stack: expect.stringContaining('attempt.test.ts') });
  });

  test('attempt: a full disk is ScratchFull, however it is wrapped', async () => {
    const full = () => Promise.reject(Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' }));
    expect((await tried(undefined, full)).error).toMatchObject({ type: 'ScratchFull', nonRetryable: false });
    const cause = new Failure('StoreUnavailable', 'Cannot read as the store must answer');
    expect((await tried(undefined, () => Promise.reject(new Error('Cannot', { cause })))).error).toMatchObject({
      type: 'StoreUnavailable',
    });
  });
});
