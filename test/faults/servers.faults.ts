/** Servers and workers that are away, runs that are ended, reset or started twice, and a disk that is full: cases 6 to 10, and 13. */
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { listed } from '../../store/store.ts';
import { EPOCHS, HELD, holdAt, LAST_ONLY, note, RECIPE, STEPS_PER_EPOCH } from './held.ts';
import { doing, secondsSince, until } from './watching.ts';
import { openWorld, type World } from './world.ts';

let world: World;
let undisturbed: string;
let scratch: string;
let isMounted: boolean;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'fewlabels-small-disk-'));
  isMounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'tmpfs', scratch]).status === 0;
  world = await openWorld({ settings: { FEWLABELS_SCRATCH: scratch } });
  undisturbed = await (await holdAt(world, 'undisturbed')).finish();
  await world.restore();
}, 1_200_000);
afterEach(() => world.restore(), 300_000);
afterAll(async () => {
  await world?.stop();
  if (isMounted) spawnSync('umount', [scratch]);
  await rm(scratch, { recursive: true, force: true });
}, 120_000);

/** Kinds of activities that a run has begun so far. */
const begun = (id: string) => world.workers.activitiesOf(id);
const epochOf = (key: string): number => Number(/\/checkpoints\/(\d{10})\.json$/.exec(key)?.[1] ?? 0) / STEPS_PER_EPOCH;
const furthest = async () => Math.max(0, ...(await listed(world.store, '')).map(epochOf));

test('case 6: a MinIO that is killed and away for longer than its clients try again', async (context) => {
  const held = await holdAt(world, 'no-store');
  await held.stands();
  const began = performance.now();
  await world.end('minio');
  await sleep(20_000);
  await world.start('minio');
  held.open();
  await until('the training must go on', async () => (await furthest()) > HELD);
  note(context, { seconds: secondsSince(began), done: held.at, repeated: 0 });
  expect((await doing(world, held.id)).every(({ attempt }) => attempt === 1)).toBe(true);
  expect(await held.finish()).toBe(undisturbed);
}, 1_200_000);

test('case 7: a Temporal server killed and started again on its data', async (context) => {
  const held = await holdAt(world, 'no-server');
  await held.stands();
  const began = performance.now();
  await world.end('temporal');
  await sleep(10_000);
  await world.start('temporal');
  const up = Date.now() / 1000;
  const { attempt } = await until('the training must be heard of', async () =>
    (await doing(world, held.id)).find(({ activity, heard }) => activity === 'pretrain' && heard > up),
  );
  if (attempt === 1) note(context, { seconds: secondsSince(began), done: held.at, repeated: 0 });
  else note(context, await held.recovers(began));
  expect(await held.finish()).toBe(undisturbed);
}, 1_200_000);

test('case 8: without a pipeline worker a segment is trained to its end, and the run goes on when there is one again', async (context) => {
  const held = await holdAt(world, 'no-workflows');
  await held.stands();
  await world.end('pipeline');
  held.open();
  await until('the segment must end', async () => (await furthest()) >= EPOCHS / 2);
  await sleep(5_000);
  const began = performance.now();
  await world.start('pipeline');
  await until('the next segment must be trained', async () => (await furthest()) > EPOCHS / 2);
  note(context, { seconds: secondsSince(began), done: (EPOCHS / 2) * STEPS_PER_EPOCH, repeated: 0 });
  expect(await held.finish()).toBe(undisturbed);
  expect(await begun(held.id)).toMatchObject({ survey: 1, pretrain: 2 });
}, 1_200_000);

test('case 9: a training paused in the Temporal UI writes a last checkpoint, and goes on from it when it is let go on', async (context) => {
  const held = await holdAt(world, 'paused-activity', { recipe: LAST_ONLY });
  await held.stands();
  const { workflowService, options } = world.workers.client;
  const pretraining = { namespace: options.namespace, execution: { workflowId: held.id }, type: 'pretrain' };
  const began = performance.now();
  await workflowService.pauseActivity(pretraining);
  await until('the trainer must end', async () => (await world.workers.trainers()).length === 0);
  await sleep(5_000);
  expect(await world.workers.trainers()).toEqual([]);
  const { raw } = await world.workers.client.workflow.getHandle(held.id).describe();
  expect(raw.pendingActivities?.map(({ activityType, paused }) => [activityType?.name, paused])).toContainEqual(['pretrain', true]);
  await workflowService.unpauseActivity(pretraining);
  const { doing: _, ...recovery } = await held.recovers(began);
  expect(recovery.repeated).toBe(0);
  note(context, recovery);
  expect(await held.finish()).toBe(undisturbed);
}, 1_200_000);

test('case 9: a run that was terminated goes on where it was when it is started again', async (context) => {
  const held = await holdAt(world, 'terminated');
  await held.stands();
  const handle = world.workers.client.workflow.getHandle(held.id);
  const began = performance.now();
  await handle.terminate();
  await world.workers.start(held.id, RECIPE);
  const { doing: _, ...recovery } = await held.recovers(began);
  expect(recovery.repeated).toBeLessThan(held.at);
  note(context, recovery);
  expect(await held.finish()).toBe(undisturbed);
  expect(Object.keys(await begun(held.id))).not.toContain('shard');
}, 1_200_000);

test('case 9: a run that is reset to its beginning finds again what was done', async (context) => {
  const held = await holdAt(world, 'reset', { epoch: 24 });
  await held.stands();
  const { client } = world.workers;
  const handle = client.workflow.getHandle(held.id);
  const { events } = await handle.fetchHistory();
  const first = events?.find(({ workflowTaskCompletedEventAttributes: completed }) => completed);
  const { runId } = await handle.describe();
  const began = performance.now();
  await client.workflowService.resetWorkflowExecution({
    namespace: client.options.namespace,
    workflowExecution: { workflowId: held.id, runId },
    workflowTaskFinishEventId: first?.eventId,
    reason: 'a test',
    requestId: 'reset',
  });
  const { doing: _, ...recovery } = await held.recovers(began);
  expect(recovery.repeated).toBeLessThan(held.at - (EPOCHS / 2) * STEPS_PER_EPOCH); // of the second segment
  note(context, recovery);
  expect(await held.finish()).toBe(undisturbed);
  const again = await begun(held.id);
  expect(again).toMatchObject({ survey: 1, pretrain: 1 });
  expect(Object.keys(again)).not.toContain('shard');
}, 1_200_000);

test('case 10: of two starts of a run one counts, and two runs of one recipe share their work', async () => {
  await world.workers.start('twin', RECIPE);
  await expect(world.workers.start('twin', RECIPE)).rejects.toThrow(WorkflowExecutionAlreadyStartedError);
  await world.workers.start('other-twin', RECIPE);
  const [one, other] = await Promise.all(['twin', 'other-twin'].map((id) => world.resultOf(id)));
  expect(one?.representation?.digest).toBe(undisturbed);
  expect(other?.student).toEqual(one?.student);
  expect(other?.scores).toEqual(one?.scores);
  const names = (await listed(world.store, '')).filter((key) => /^(3-representation|5-student)\/[0-9a-f]{32}\//.test(key));
  expect(names).toHaveLength(4); // manifest and model of each
}, 1_200_000);

test('case 13: a scratch disk that is full fails no run: it waits until there is space again', async (context) => {
  expect(isMounted, 'only root can mount a small disk').toBe(true);
  const held = await holdAt(world, 'full-disk');
  await held.stands();
  const { bavail, bsize } = await statfs(scratch);
  const filler = join(scratch, 'filler');
  await writeFile(filler, Buffer.alloc(bavail * bsize));
  const began = performance.now();
  held.open();
  const { beat, failure } = await until('the disk must be full', async () =>
    (await doing(world, held.id)).find(({ failure }) => failure?.startsWith('ScratchFull')),
  );
  await rm(filler);
  expect(failure).toMatch(/^ScratchFull: Cannot write/);
  expect(beat.failures?.counts.ScratchFull).toBeGreaterThan(0);
  expect(await held.finish()).toBe(undisturbed);
  note(context, { seconds: secondsSince(began), done: 0, repeated: 0 }); // to the end: where it went on from is not seen
}, 1_200_000);
