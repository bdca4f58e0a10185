import { expect, test } from 'vitest';
import { lines } from '../../cli/display.ts';
import { plainLine, roundedTime, stageRows } from '../../cli/stage-rows.ts';
import type { Beat, RunProgress } from '../../contracts/progress.ts';

const beat = (stage: string, done: number, total: number, more: Partial<Beat> = {}): Beat => ({
  stage,
  done,
  total,
  unit: 'steps',
  ...more,
});
const progress = (...stages: RunProgress['stages']): RunProgress => ({ stages });

test('stageRows: a training under way counts with its share of steps', () => {
  const running = progress({ stage: 'representation', state: 'running', done: 4, total: 20 });
  expect(stageRows(running, [beat('representation', 300, 1000)])[0]?.fraction).toBeCloseTo(0.3);
  expect(stageRows(running, [])[0]?.fraction).toBeCloseTo(0.2);
});

test('stageRows: pieces side by side add up', () => {
  const running = progress({ stage: 'classifier', state: 'running', done: 1, total: 4 });
  expect(stageRows(running, [beat('classifier', 50, 100)])[0]?.fraction).toBeCloseTo(1.5 / 4);
  const shards = progress({ stage: 'shards', state: 'running', done: 2, total: 8 });
  expect(stageRows(shards, [beat('shards', 512, 1024), beat('shards', 256, 1024)])[0]?.fraction).toBeCloseTo(2.75 / 8);
});

test('stageRows: epochs of a student’s earlier segments are not counted twice', () => {
  // Two students of 10 epochs; the first has 5 epochs committed and its trainer is at 70 % of all ten.
  const running = progress(
    { stage: 'classifier', state: 'done', done: 7, total: 7 },
    { stage: 'student', state: 'running', done: 5, total: 20, each: 10 },
  );
  expect(stageRows(running, [beat('student', 70, 100)])[1]?.fraction).toBeCloseTo(7 / 20);
});

test('stageRows: rates of parallel pieces are summed; loss and time left are the newest', () => {
  const running = progress({ stage: 'views', state: 'running', done: 1, total: 4 });
  const beats = [
    beat('views', 1, 2, { imagesPerSecond: 1000 }),
    beat('views', 1, 2, { imagesPerSecond: 500, loss: 2.71001, secondsLeft: 130 }),
  ];
  expect(stageRows(running, beats)[0]?.text).toBe('1 of 4 shards of views · 1,500 images/s · loss 2.71 · 2 min left');
});

test('stageRows: what the features are worth so far', () => {
  const running = progress({ stage: 'representation', state: 'running', done: 4, total: 20 });
  const text = (review: Beat['review']) => stageRows(running, [beat('representation', 1, 2, { review })])[0]?.text;
  expect(text({ epoch: 1, knn: 0.412, probe: 0.45 })).toBe('4 of 20 epochs · neighbours 41.2 %, linear probe 45 % right after 1 epoch');
  expect(text({ epoch: 2, heldOut: 0.71, heldOutLoss: 1 })).toBe('4 of 20 epochs · held out 71 % right after 2 epochs');
  expect(text(undefined)).toBe('4 of 20 epochs');
});

test('stageRows: a stage found in the store says so and is whole', () => {
  expect(stageRows(progress({ stage: 'shards', state: 'done', done: 0, total: 0, note: 're-used' }), [])[0]).toEqual({
    stage: 'shards',
    state: 'done',
    fraction: 1,
    text: 're-used',
  });
});

test('plainLine: one line without colours', () => {
  expect(plainLine({ stage: 'representation', state: 'running', fraction: 0.439, text: '8 of 20 epochs' })).toBe(
    'representation   43 %  8 of 20 epochs',
  );
});

test('roundedTime: as precise as an estimate deserves', () => {
  expect([3, 42, 89, 130, 3600, 12_000].map(roundedTime)).toEqual(['5 s', '40 s', '90 s', '2 min', '1 h 0 min', '3 h 20 min']);
});

test('lines: a line when a stage begins and ends, and no more than one in eight seconds between', () => {
  const said: string[] = [];
  let now = 100_000;
  const display = lines({ say: (line) => said.push(line) }, () => now);
  const row = (state: 'waiting' | 'running' | 'done', fraction: number) => ({ stage: 'shards', state, fraction, text: '' });
  display.update([row('waiting', 0)]);
  display.update([row('running', 0.1)]);
  now += 1_000;
  display.update([row('running', 0.2)]);
  now += 8_000;
  display.update([row('running', 0.3)]);
  display.update([row('done', 1)]);
  display.update([row('done', 1)]);
  expect(said).toEqual(['shards           10 %', 'shards           30 %', 'shards           done']);
});
