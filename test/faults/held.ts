/** A pretraining that stands still at a step of our choice, as the views that come next are held up: what is killed there is known to the step. */
import type { TestContext } from 'vitest';
import { STAGES } from '../../contracts/artifacts.ts';
import { PAUSE_UPDATE } from '../../contracts/progress.ts';
import type { RecipeInput } from '../../contracts/recipe.ts';
import { listed } from '../../store/store.ts';
import { TINY } from '../workflows/workers.ts';
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
  compute: { threads: 1, checkpointSeconds: 0.01, lostAfterSeconds: 12 },
};
/** Where runs are held: enough steps to have checkpoints, whatever one takes. */
export const HELD = 12;

declare module 'vitest' {
  interface TaskMeta {
    fault?: Recovery;
  }
}
/** `seconds` from the fault until the training stood again where it was; of `done` steps `repeated` were made again. */
export type Recovery = { seconds: number; done: number; repeated: number };

export type Held = {
  id: string;
  /** The step where it stands. */
  at: number;
  /** Wait until an attempt stands there, the given one or a later one. */
  stands(attempt?: number): Promise<Doing>;
  /** Wait for a further attempt and what it goes on from, and until it stands there too. @param began  when the fault was */
  recovers(attempt: number, began: number): Promise<Recovery & { pulse: Doing }>;
  /** Let it go on. */
  open(): void;
  /** Let it go on to the end of pretraining. @returns the digest of the representation */
  finish(): Promise<string>;
};

/** Start a run that will stand still before that epoch. */
export async function holdAt(world: World, id: string, { epoch = HELD, recipe = RECIPE } = {}): Promise<Held> {
  const views = `epoch-${String(epoch).padStart(6, '0')}.safetensors`;
  const gate = world.proxy.gate((line) => line.startsWith('GET') && line.includes(views));
  await world.workers.start(id, recipe);
  const at = epoch * STEPS_PER_EPOCH;
  const training = async (attempt: number, fits: (beat: Doing['beat']) => boolean) =>
    (await doing(world, id)).find((one) => one.activity === 'pretrain' && one.attempt >= attempt && fits(one.beat));
  const stands: Held['stands'] = (attempt = 1) =>
    until(`attempt ${attempt} must come to step ${at}`, () => training(attempt, ({ done }) => (done ?? 0) >= at));
  return {
    id,
    at,
    stands,
    async recovers(attempt, began) {
      // An attempt that has begun and not yet trained: until then the server tells the last words of the one before.
      const first = await until(`attempt ${attempt} must begin`, () =>
        training(attempt, ({ stage, total }) => stage !== undefined && total === 0),
      );
      const resumed = first.beat.checkpoint?.step ?? 0;
      await stands(attempt);
      return { seconds: secondsSince(began), done: at, repeated: at - resumed, pulse: first };
    },
    open: gate.open,
    async finish() {
      gate.open();
      return finish(world, id);
    },
  };
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

/** Have the bucket forget everything but the shards. */
export async function forget({ store }: World): Promise<void> {
  await store.remove((await listed(store, '')).filter((key) => !key.startsWith(`${STAGES.shards.prefix}/`)));
}

/** Tell what a recovery took, for the table. */
export function note({ task }: Pick<TestContext, 'task'>, { seconds, done, repeated }: Recovery): void {
  task.meta.fault = { seconds, done, repeated };
}
