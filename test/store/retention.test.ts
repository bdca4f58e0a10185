import { expect, test } from 'vitest';
import type { Retention } from '../../contracts/artifacts.ts';
import { randomStream } from '../../learning/random.ts';
import { type Kept, kept } from '../../store/retention.ts';

const steps = (...numbers: number[]) => numbers.map((step) => ({ step }));
const sorted = (chosen: Iterable<number>) => [...chosen].sort((a, b) => a - b);

test('kept: the newest, whatever their order', () => {
  expect(sorted(kept(steps(3, 9, 1, 7), { last: 2 }))).toEqual([7, 9]);
  expect(sorted(kept(steps(5), { last: 2 }))).toEqual([5]);
  expect(sorted(kept(steps(1, 2), { last: 0 }))).toEqual([]);
});

test('kept: those of the lowest loss, the newer one of equals, none without a loss', () => {
  const some: Kept[] = [{ step: 1, loss: 0.5 }, { step: 2, loss: 0.4 }, { step: 3, loss: 0.4 }, { step: 4 }, { step: 5, loss: 0.9 }];
  expect(sorted(kept(some, { last: 1, best: 1 }))).toEqual([3, 5]);
  expect(sorted(kept(some, { last: 0, best: 3 }))).toEqual([1, 2, 3]);
});

test('kept: the newest in each so many steps', () => {
  expect(sorted(kept(steps(0, 90, 99, 100, 250, 260), { last: 1, every: 100 }))).toEqual([99, 100, 260]);
});

/** Trainings of up to 30 checkpoints at growing steps, some without a loss, some with equal ones. */
function* trainings(): Generator<{ checkpoints: Kept[]; retention: Retention }> {
  for (let i = 0; i < 500; i++) {
    const draw = randomStream(1, 'retention', i);
    let step = 0;
    const checkpoints = Array.from({ length: draw.integer(31) }, () => {
      step += 1 + draw.integer(50);
      return draw.integer(5) === 0 ? { step } : { step, loss: draw.integer(8) / 8 };
    });
    const every = draw.integer(2) === 0 ? undefined : 1 + draw.integer(200);
    yield { checkpoints, retention: { last: 1 + draw.integer(4), best: draw.integer(4), every } };
  }
}

test('kept: of any training, what each rule wants by itself and nothing else, and always the newest', () => {
  for (const { checkpoints, retention } of trainings()) {
    const { last, best, every } = retention;
    const single = [{ last }, { last: 0, best }, { last: 0, every }].flatMap((rule) => [...kept(checkpoints, rule)]);
    const stay = kept(checkpoints, retention);
    expect(sorted(stay)).toEqual(sorted(new Set(single)));
    const newest = checkpoints.at(-1);
    if (newest) expect(stay.has(newest.step)).toBe(true);
  }
});

test('kept: forgetting after each checkpoint keeps the same as forgetting at the end', () => {
  for (const { checkpoints, retention } of trainings()) {
    let there: Kept[] = [];
    for (const checkpoint of checkpoints) {
      const stay = kept([...there, checkpoint], retention);
      there = [...there, checkpoint].filter(({ step }) => stay.has(step));
    }
    expect(sorted(there.map(({ step }) => step))).toEqual(sorted(kept(checkpoints, retention)));
  }
});
