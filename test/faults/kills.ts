/** SIGKILL at seeded random moments, of every process that a run needs, one after the other. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { RecipeInput } from '../../contracts/recipe.ts';
import type { RunResult } from '../../contracts/scores.ts';
import { randomStream } from '../../learning/random.ts';
import { TINY, type WorkerName } from '../workflows/workers.ts';
import { openWorld, type Part, type World } from './world.ts';

/** Short segments: whatever a kill strikes, little is under way. */
const LONG: RecipeInput = {
  ...TINY,
  name: 'kills',
  images: { train: { generated: 'shapes', perClass: 10 }, size: 16 },
  labels: { fractions: [1] },
  pretrain: { epochs: 60, batch: 16, segmentEpochs: 20 },
  distill: { epochs: 20, batch: 16 },
  compute: { threads: 1, checkpointSeconds: 1 },
};

export type Victim = Part | 'trainer';
/** @param lostAfterSeconds  eight do where nothing else computes: a starting worker is silent for a while */
export const longRecipe = (lostAfterSeconds: number): RecipeInput => ({ ...LONG, compute: { ...LONG.compute, lostAfterSeconds } });

/** `second` of the run, and for how many its place was empty. */
export type Kill = { victim: Victim; second: number; away: number };
export type Pace = {
  seed: number;
  /** Between one that is up again and the next kill, at least and at most, seconds. */
  between: [number, number];
  /** How long a place stays empty, at most, seconds. */
  away: number;
  /** Everybody, where they are missing. */
  victims?: readonly Victim[];
};

/** Kill until `ended`. Each round strikes every victim once, in an order of its own. @param kills  takes what was done */
export async function killAtRandom(
  world: World,
  pace: Pace,
  ended: AbortSignal,
  kills: Kill[],
  rounds = Number.POSITIVE_INFINITY,
): Promise<void> {
  const { seed, between, away, victims = ['trainer', 'minio', 'temporal', ...world.parts] } = pace;
  const began = performance.now();
  const seconds = () => (performance.now() - began) / 1000;
  const rest = (length: number) => sleep(length * 1000, undefined, { signal: ended }).catch(() => undefined);
  const trainings = world.parts.filter((name) => name.startsWith('training'));
  for (let round = 0; !ended.aborted && round < rounds; round++) {
    const draw = randomStream(seed, 'kills', round);
    for (const victim of Array.from(draw.permutation(victims.length), (i) => victims[i] as Victim)) {
      await rest(between[0] + (between[1] - between[0]) * draw.uniform());
      const pause = away * draw.uniform();
      if (ended.aborted) return;
      if (victim === 'trainer') {
        if (await killTrainer()) kills.push({ victim, second: seconds(), away: 0 }); // its supervisor sees to the rest
        continue;
      }
      const kill = { victim, second: seconds(), away: 0 };
      await world.end(victim);
      await rest(pause);
      await world.start(victim);
      kill.away = seconds() - kill.second;
      kills.push(kill);
    }
  }

  /** The next one there is: minutes may pass, where what was killed before makes others wait. */
  async function killTrainer(): Promise<boolean> {
    while (!ended.aborted) {
      const [trainer] = (await Promise.all(trainings.map(world.workers.trainers))).flat();
      if (trainer !== undefined) return process.kill(trainer, 'SIGKILL');
      await rest(0.1);
    }
    return false;
  }
}

/** `ends`: workers that ended by themselves. */
export type Disturbed = { result: RunResult; kills: Kill[]; ends: string[]; seconds: number; attempts: number; activities: number };
type Disturbance = {
  pace: Pace;
  /** Pretraining does not end before so many kills. */
  atLeast: number;
};

/** A run of `recipe` in a world of its own, left alone or not. */
export async function runIn(workers: WorkerName[], recipe: RecipeInput, disturbance?: Disturbance): Promise<Disturbed> {
  const world = await openWorld({ workers });
  const ended = new AbortController();
  const kills: Kill[] = [];
  try {
    const began = performance.now();
    await world.workers.start(recipe.name, recipe);
    const killing = disturbance ? killFor(world, recipe, disturbance, ended.signal, kills) : Promise.resolve();
    const failure = killing.then(() => new Promise<never>(() => undefined)); // nobody comes back then, and the run would wait for ever
    const result = await Promise.race([world.resultOf(recipe.name), failure]);
    const seconds = (performance.now() - began) / 1000;
    ended.abort();
    await killing;
    return { result, kills, ends: world.workers.restarts, seconds, ...(await world.effort(recipe.name)) };
  } finally {
    ended.abort();
    await world.stop();
  }
}

async function killFor(
  world: World,
  { pretrain }: RecipeInput,
  { pace, atLeast }: Disturbance,
  ended: AbortSignal,
  kills: Kill[],
): Promise<void> {
  const views = `epoch-${String((pretrain?.epochs ?? 1) - 1).padStart(6, '0')}.safetensors`;
  const gate = world.proxy.gate((line) => line.startsWith('GET') && line.includes(views));
  const timer = setInterval(() => kills.length >= atLeast && gate.open(), 200);
  await killAtRandom(world, pace, ended, kills).finally(() => clearInterval(timer));
}
