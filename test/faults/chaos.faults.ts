/** A whole run whose every request to the store may fail, break off or take two seconds. */
import { expect, test } from 'vitest';
import { TINY } from '../workflows/workers.ts';
import { note } from './held.ts';
import { openWorld } from './world.ts';

const WEATHER = { seed: 1, errors: 0.05, resets: 0.05, latency: 2_000 };
const RECIPE = { ...TINY, labels: { fractions: [1] } };

/** With how many requests chance struck, and how long it took. */
async function run(weather?: typeof WEATHER) {
  const world = await openWorld({ weather });
  try {
    const began = performance.now();
    const result = await world.run('tiny', RECIPE);
    return { result, struck: world.proxy.struck, seconds: (performance.now() - began) / 1000 };
  } finally {
    await world.stop();
  }
}

test('case 6: a whole run through errors, broken connections and latency ends in the same student', async (context) => {
  const alone = await run();
  const { result, struck, seconds } = await run(WEATHER);
  note(context, { seconds: seconds - alone.seconds, done: 0, repeated: 0 });
  expect(struck).toBeGreaterThan(20);
  expect(result.student).toEqual(alone.result.student);
  expect(result.scores).toEqual(alone.result.scores);
}, 1_800_000);
