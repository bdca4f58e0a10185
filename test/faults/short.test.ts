/** The fault suite in short: one pretraining through bad weather, in which every process is killed once. The whole: `npm run test:faults`. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { filesIn, filesWith } from '../infra/files-with.ts';
import { holdAt } from './held.ts';
import { type Kill, killAtRandom } from './kills.ts';
import { openWorld, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
}, 1_200_000);
afterAll(() => world?.stop(), 120_000);

test('every process killed once, through bad weather: the same representation to the bit', async () => {
  const undisturbed = await (await holdAt(world, 'undisturbed')).finish();
  await world.restore();
  world.proxy.weather = { seed: 1, errors: 0.05, resets: 0.05, latency: 50 };
  const kills: Kill[] = [];
  const held = await holdAt(world, 'disturbed');
  await killAtRandom(world, { seed: 1, between: [0.5, 2], away: 1 }, new AbortController().signal, kills, 1);
  const victims = kills.map(({ victim }) => victim).sort();
  expect(victims).toEqual(['data', 'minio', 'pipeline', 'temporal', 'trainer', 'training']);
  expect(await held.finish()).toBe(undisturbed);
}, 1_200_000);

test('credentials: in no history, log or object of runs whose history anyone can read', async () => {
  const files = await filesIn(world.folder);
  const databases = files.filter((file) => file.includes('temporal.db'));
  expect(await filesWith(databases, 'checkpointSeconds')).not.toEqual([]); // recipes stand there as they are
  expect(await filesWith(files, world.services.s3.secretKey)).toEqual([]);
});
