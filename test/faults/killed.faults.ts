/** Processes killed, stopped and told to end in the midst of a pretraining, on real servers: cases 1 to 5. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { Manifest } from '../../contracts/artifacts.ts';
import { listed } from '../../store/store.ts';
import { holdAt, LAST_ONLY, note } from './held.ts';
import { doing, until } from './watching.ts';
import { openWorld, type World } from './world.ts';

let world: World;
let undisturbed: string;
beforeAll(async () => {
  world = await openWorld();
  undisturbed = await (await holdAt(world, 'undisturbed')).finish();
  await world.restore();
}, 1_200_000);
afterEach(() => world.restore(), 300_000);
afterAll(() => world?.stop(), 120_000);

/** Requests for checkpoints beyond a step, or at one. */
const data = (from: number) => (line: string) => stepIn(line, /^PUT .*\/checkpoints\/(\d{10})\/.*\.safetensors/) >= from;
const manifest = (from: number) => (line: string) => stepIn(line, /^PUT .*\/checkpoints\/(\d{10})\.json/) >= from;
const stepIn = (line: string, where: RegExp): number => Number(where.exec(line)?.[1] ?? -1);

test('case 1: a trainer killed in the midst of a segment', async (context) => {
  const held = await holdAt(world, 'killed-trainer');
  const { trainer } = await held.stands();
  const began = performance.now();
  process.kill(trainer, 'SIGKILL');
  const { doing, ...recovery } = await held.recovers(began);
  expect(doing.failure).toMatch(/^TrainerCrashed: .*SIGKILL/);
  note(context, recovery);
  expect(await held.finish()).toBe(undisturbed);
}, 1_200_000);

test.for([
  ['in the midst of an upload', data, 'body'],
  ['between data and manifest of a checkpoint', manifest, 'request'],
  ['right after the manifest of a checkpoint', manifest, 'answer'],
] as const)('case 1: a training worker killed %s', { timeout: 1_200_000 }, async ([what, requests, place], context) => {
  const held = await holdAt(world, `killed ${what}`);
  const gate = world.proxy.gate(requests(held.at - 24), place);
  const line = await gate.reached;
  const step = Number(/\d{10}/.exec(line)?.[0]);
  await held.stands();
  const began = performance.now();
  await world.end('training');
  gate.open();
  await world.start('training');
  const { doing, ...recovery } = await held.recovers(began);
  expect(doing.failure).toMatch(/^timeout/);
  if (place === 'answer') expect(held.at - recovery.repeated).toBe(step);
  else expect(held.at - recovery.repeated).toBeLessThan(step);
  expect(recovery.repeated).toBeLessThan(held.at); // there were checkpoints before
  note(context, recovery);
  expect(await held.finish()).toBe(undisturbed);
});

test('case 2: a training worker told to end hands its segment over without a step lost', async (context) => {
  const held = await holdAt(world, 'told-to-end', { recipe: LAST_ONLY });
  await held.stands();
  const began = performance.now();
  await world.end('training', 'SIGTERM');
  expect(world.processOf('training')?.exitCode).toBe(0);
  await world.start('training');
  const { doing: _, ...recovery } = await held.recovers(began);
  expect(recovery.repeated).toBe(0);
  note(context, recovery);
  expect(await held.finish()).toBe(undisturbed);
}, 1_200_000);

test('cases 3 and 4: a training worker that hangs is lost, another goes on, and what the first one does when it wakes changes nothing', async (context) => {
  const held = await holdAt(world, 'hung', { recipe: LAST_ONLY });
  await held.stands();
  const began = performance.now();
  world.processOf('training')?.kill('SIGSTOP');
  await world.workers.launch('training 2');
  const { doing: second, ...recovery } = await held.recovers(began, 'training 2');
  expect(second.failure).toMatch(/^timeout/);
  const { events } = await world.workers.client.workflow.getHandle(held.id).fetchHistory();
  const silences = events?.flatMap(({ activityTaskScheduledEventAttributes: task }) =>
    task ? [Number(task.heartbeatTimeout?.seconds)] : [],
  );
  expect(new Set(silences)).toEqual(new Set([20]));
  note(context, recovery);

  // Told to end, each of them writes a last checkpoint: of the same step.
  const puts = () => world.proxy.seen.filter((line) => manifest(held.at)(line) && !manifest(held.at + 1)(line)).length;
  const before = puts();
  world.processOf('training')?.kill('SIGCONT');
  await until('the first worker must notice', async () => (await world.workers.trainers()).length === 0);
  expect(puts()).toBe(before + 1);
  await world.end('training 2', 'SIGTERM');
  expect(puts()).toBe(before + 2);
  const at = `/checkpoints/${String(held.at).padStart(10, '0')}/`;
  expect((await listed(world.store, '')).filter((key) => key.includes(at))).toHaveLength(1);
  await until('the first worker must go on', async () => (await doing(world, held.id)).find(({ attempt }) => attempt >= 3));
  expect(await held.finish()).toBe(undisturbed);
}, 1_200_000);

test.for(['flipped', 'cut', 'deleted'])(
  'case 5: the newest checkpoint %s while its worker is gone',
  { timeout: 1_200_000 },
  async (how, context) => {
    const held = await holdAt(world, `newest ${how}`);
    await held.stands();
    await world.end('training');
    const manifests = (await listed(world.store, '')).filter((key) => /\/checkpoints\/\d{10}\.json$/.test(key));
    const { objects } = Manifest.parse(JSON.parse(String(await world.store.get(manifests.at(-1) ?? ''))));
    const newest = objects[0]?.key ?? '';
    const bytes = (await world.store.get(newest)) ?? Buffer.alloc(0);
    if (how === 'deleted') await world.store.remove([newest]);
    else await world.store.put(newest, how === 'cut' ? bytes.subarray(0, -1) : flipped(bytes));
    const began = performance.now();
    await world.start('training');
    const { doing, ...recovery } = await held.recovers(began);
    expect(doing.beat.warning).toMatch(/^Went on from step \d+, as newer checkpoints were broken/);
    expect(recovery.repeated).toBeLessThan(held.at);
    note(context, recovery);
    expect(await held.finish()).toBe(undisturbed);
  },
);

function flipped(bytes: Buffer): Buffer {
  const damaged = Buffer.from(bytes);
  damaged[damaged.length >> 1] = (damaged[damaged.length >> 1] ?? 0) ^ 1;
  return damaged;
}
