/**
 * Runs, one after the other, while something is killed every 20 to 60 seconds. Of each kind of worker there are two: one that is killed and one
 * that is not, which sees it all and has to be at the end as it was at the beginning.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RecipeInput } from '../../contracts/recipe.ts';
import { partOf } from '../../store/keys.ts';
import { listed } from '../../store/store.ts';
import { readContents, removeAll, unneeded } from '../../store/sweep.ts';
import { processesWith } from '../infra/processes-of.ts';
import type { WorkerName } from '../workflows/workers.ts';
import { type Kill, killAtRandom } from './kills.ts';
import { until } from './watching.ts';
import { openWorld, type World } from './world.ts';

const SPARED: WorkerName[] = ['pipeline 2', 'data 2', 'training 2'];
const DAY = 24 * 3600 * 1000;

/** Of a worker that was not killed, at the end of the first run and at the end of all: resident memory, MiB, and open files. */
export type Witness = { worker: string; memory: [number, number]; files: [number, number] };
export type Soak = {
  seconds: number;
  /** Students of the runs; the first is that of the run that was left alone. */
  students: string[];
  kills: Kill[];
  ends: string[];
  witnesses: Witness[];
  /** Objects that killed attempts left and `fewlabels clean` would delete a day later, and those that not even then have a name. */
  unnamed: number;
  lost: string[];
  /** Folders in the scratch folder, and processes, when all is over. */
  scratch: string[];
  processes: string[];
};

export async function soak(recipe: RecipeInput, minutes: number, seed: number, say: (line: string) => void): Promise<Soak> {
  const world = await openWorld({ workers: ['pipeline', 'data', 'training', ...SPARED] });
  const ended = new AbortController();
  const [kills, students]: [Kill[], string[]] = [[], []];
  const left: Pick<Soak, 'unnamed' | 'lost'> = { unnamed: 0, lost: [] };
  const empty = async () => {
    const { unnamed, lost } = await until('the bucket must be looked at', () => clean(world)); // a server may be away
    left.unnamed += unnamed;
    left.lost.push(...lost);
    await until('the bucket must be emptied', async () => (await world.store.remove(await listed(world.store, ''))) === undefined);
  };
  const began = performance.now();
  try {
    const runOnce = async (number: number) => {
      await until('a run must start', () => world.workers.start(`soak-${number}`, recipe).catch(startedAlready), 60);
      students.push((await world.resultOf(`soak-${number}`)).student.digest);
      say(`run ${number}: ${students.at(-1)}, ${kills.length} kills so far, ${Math.round((performance.now() - began) / 60_000)} min`);
    };
    await runOnce(0);
    const victims = (['trainer', 'minio', 'temporal', ...world.parts] as const).filter((name) => !SPARED.some((spared) => spared === name));
    const killing = killAtRandom(world, { seed, between: [20, 60], away: 5, victims }, ended.signal, kills);
    const failure = killing.then(() => new Promise<never>(() => undefined)); // nobody comes back then, and the run would wait for ever
    const first = SPARED.map((worker) => look(world, worker));
    for (let number = 1; number === 1 || performance.now() - began < minutes * 60_000; number++) {
      await empty();
      await Promise.race([runOnce(number), failure]);
    }
    ended.abort();
    await killing;
    const last = SPARED.map((worker) => look(world, worker));
    await world.end('training'); // whoever comes after it clears up
    await world.start('training');
    await empty();
    const scratch = await readdir(world.workers.scratch);
    await world.stop();
    return {
      seconds: (performance.now() - began) / 1000,
      students,
      kills,
      ends: world.workers.restarts,
      witnesses: SPARED.map((worker, i) => ({ worker, ...pairs(first[i], last[i]) })),
      ...left,
      scratch,
      processes: processesWith(world.workers.scratch),
    };
  } finally {
    ended.abort();
    await world.stop();
  }
}

const startedAlready = (error: Error) => (error.name === 'WorkflowExecutionAlreadyStartedError' ? true : Promise.reject(error));

type Looked = { memory: number; files: number };

function look(world: World, worker: WorkerName): Looked {
  const { pid } = world.workers.processOf(worker);
  const resident = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return { memory: Math.round(Number(resident) / 1024), files: readdirSync(`/proc/${pid}/fd`).length };
}

const pairs = (first?: Looked, last?: Looked): Pick<Witness, 'memory' | 'files'> => ({
  memory: [first?.memory ?? 0, last?.memory ?? 0],
  files: [first?.files ?? 0, last?.files ?? 0],
});

/** As `fewlabels clean --delete` would in two days. */
async function clean({ store }: World): Promise<Pick<Soak, 'unnamed' | 'lost'>> {
  await sleep(1_000);
  const left = unneeded(await readContents(store), new Date(Date.now() + 2 * DAY), false);
  await removeAll(store, left);
  const { objects, manifests } = await readContents(store);
  const named = new Set([...manifests.values()].flatMap((manifest) => manifest?.objects.map(({ key }) => key) ?? []));
  return {
    unnamed: left.length,
    lost: objects.map(({ key }) => key).filter((key) => partOf(key) && !named.has(key) && !manifests.has(key)),
  };
}
