/** A pretraining that stands still at a step of our choice, as the views that come next are held up: what is killed there is known to the step. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestContext } from 'vitest';
import { STAGES } from '../../contracts/artifacts.ts';
import { PAUSE_UPDATE } from '../../contracts/progress.ts';
import type { RecipeInput } from '../../contracts/recipe.ts';
import { readSafetensors } from '../../learning/safetensors.ts';
import { listed } from '../../store/store.ts';
import { TINY, type WorkerName } from '../workflows/workers.ts';
import { type Doing, doing, secondsSince, until } from './watching.ts';
import type { World } from './world.ts';

/** Three steps an epoch. */
const IMAGES = { train: { generated: 'shapes' as const, perClass: 10 }, size: 16 };
export const STEPS_PER_EPOCH = 3;
/** Two segments; a checkpoint after every step that finds the one before written. */
export const EPOCHS = 32;
export const RECIPE: RecipeInput = {
  ...TINY,
  images: IMAGES,
  labels: { fractions: [1] },
  pretrain: { epochs: EPOCHS, batch: 16, segmentEpochs: EPOCHS / 2 },
  compute: { threads: 1, checkpointSeconds: 0.01 },
};
/** Without checkpoints but those of a trainer that is told to end. A worker may be silent for 20 seconds. */
export const LAST_ONLY: RecipeInput = { ...RECIPE, compute: { ...RECIPE.compute, checkpointSeconds: 1000, lostAfterSeconds: 20 } };
/** Where runs are held: enough steps to have checkpoints, whatever one takes. */
export const HELD = 12;

declare module 'vitest' {
  interface TaskMeta {
    fault?: Recovery;
  }
}
/** `seconds` from the fault until the training stood again where it was; of `done` steps `repeated` were made again. */
export type Recovery = { seconds: number; done: number; repeated: number };

/** A trainer that has nothing more to read, and the step it went on from. */
export type Standing = { trainer: number; resumed: number };

export type Held = {
  id: string;
  /** The step where it stands. */
  at: number;
  /** Wait until the trainer of a worker stands there. */
  stands(by?: WorkerName): Promise<Standing>;
  /** Wait until it stands there again, as another attempt. @param began  when the fault was */
  recovers(began: number, by?: WorkerName): Promise<Recovery & { doing: Doing }>;
  /** Let it go on. */
  open(): void;
  /** Let it go on to the end of pretraining. @returns the digest of the representation */
  finish(): Promise<string>;
};

/** Start a run that will stand still before that epoch. */
export async function holdAt(world: World, id: string, { epoch = HELD, recipe = RECIPE } = {}): Promise<Held> {
  const views = `epoch-${String(epoch).padStart(6, '0')}.safetensors`;
  const isHeld = (line: string) => line.startsWith('GET') && line.includes(views);
  const asked = () => world.proxy.seen.filter(isHeld).length;
  let before = asked();
  const gate = world.proxy.gate(isHeld);
  await world.workers.start(id, recipe);
  const at = epoch * STEPS_PER_EPOCH;
  const stands: Held['stands'] = async (by = 'training') => {
    const found = await until(`a trainer must stand at step ${at}`, async () => {
      const one = asked() > before && (await standing(world, by));
      if (!one) return undefined;
      await sleep(STILL_MS);
      const again = await standing(world, by);
      return again?.trainer === one.trainer && again;
    });
    before = asked();
    return found;
  };
  return {
    id,
    at,
    stands,
    async recovers(began, by) {
      const { resumed } = await stands(by);
      const seconds = secondsSince(began) - STILL_MS / 1000;
      const pretraining = await until('the training must be under way', async () =>
        (await doing(world, id)).find(({ activity, beat }) => activity === 'pretrain' && beat.stage),
      );
      return { seconds, done: at, repeated: at - resumed, doing: pretraining };
    },
    open: gate.open,
    async finish() {
      gate.open();
      return finish(world, id);
    },
  };
}

/** The steps after the last file was read are taken within this time. */
const STILL_MS = 2_000;

/** The trainer of a worker where it has no views left to read. */
async function standing({ workers }: World, by: WorkerName): Promise<Standing | undefined> {
  const [trainer] = await workers.trainers(by);
  if (trainer === undefined) return undefined;
  const folder = (await readFile(`/proc/${trainer}/cmdline`, 'utf8')).split('\0').filter(Boolean).at(-1) ?? '';
  const names = await readdir(join(folder, 'in'));
  if (names.some((name) => /^e\d+-s\d+\./.test(name))) return undefined;
  const resume = names.find((name) => name.startsWith('resume'));
  return { trainer, resumed: resume ? Number((await readSafetensors(join(folder, 'in', resume))).metadata.step) : 0 };
}

/** Wait for the representation of a run, and end the run. */
export async function finish(world: World, id: string): Promise<string> {
  const digest = await until('the representation must be finished', () => representation(world));
  const handle = world.workers.client.workflow.getHandle(id);
  await handle.executeUpdate(PAUSE_UPDATE); // nothing of it is under way then
  await handle.terminate();
  return digest;
}

async function representation({ store }: World): Promise<string | undefined> {
  const keys = await listed(store, `${STAGES.representation.prefix}/`);
  const manifest = keys.find((key) => /^[^/]+\/[0-9a-f]{32}\/manifest\.json$/.test(key));
  return manifest && (JSON.parse(String(await store.get(manifest))) as { digest: string }).digest;
}

/** Tell what a recovery took, for the table. */
export function note({ task }: Pick<TestContext, 'task'>, { seconds, done, repeated }: Recovery): void {
  task.meta.fault = { seconds, done, repeated };
}
