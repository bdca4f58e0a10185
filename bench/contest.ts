/**
 * Fair timing of several contestants on one machine: they get ready one after the other, then take turns round by round, so that
 * whatever else the machine does falls on all of them.
 */
import { gpuBytes } from '../workers/hardware.ts';
import { type Contestant, type Ready, type Running, start } from './contestant.ts';
import { type Summary, summaryOf } from './statistics.ts';

export type Rounds = {
  rounds: number;
  /** Timed iterations of each contestant in a round. */
  perRound: number;
  /** Untimed ones right after it got ready. */
  warmUps?: number;
  /** Untimed ones at the start of each turn, to have caches and threads back. */
  settle?: number;
};

/**
 * Seconds of an iteration, and what else was seen. `values`: what all its iterations came to, in their order; `gpuBytes`: by how much
 * more of the GPU was taken once it had warmed up, as its driver tells.
 */
export type Result = Summary & Ready & { readySeconds: number; peakBytes: number; gpuBytes: number; values: number[] };
export type Results = Record<string, Result>;

type Entry = { name: string; running: Running; seconds: number[]; gpuBytes: number; values: number[] };

/**
 * Time them all. One that cannot run is told of and left out.
 * @returns by the contestants' names
 */
export async function contest(contestants: Contestant[], rounds: Rounds, say: (line: string) => void): Promise<Results> {
  const entries: Entry[] = [];
  for (const contestant of contestants) {
    const entry = await enter(contestant, rounds.warmUps ?? 2, say);
    if (entry) entries.push(entry);
  }
  for (let round = 0; round < rounds.rounds; round++) {
    for (const entry of entries) await takeTurn(entry, rounds);
  }
  const results: Results = {};
  for (const { name, running, seconds, values, gpuBytes: taken } of entries) {
    const { peakBytes } = await running.end();
    const { readySeconds, ready } = running;
    results[name] = { ...summaryOf(seconds), ...ready, readySeconds, peakBytes, gpuBytes: taken, values };
    say(
      `${name}: ${tidy(results[name].median * 1e3)} ms, ${tidy(peakBytes / 2 ** 20)} MiB${taken ? `, of the GPU ${tidy(taken / 2 ** 20)} MiB` : ''}`,
    );
  }
  return results;
}

async function enter(contestant: Contestant, warmUps: number, say: (line: string) => void): Promise<Entry | undefined> {
  const { name } = contestant;
  try {
    const before = gpuBytes();
    const running = await start(contestant);
    say(`${name}: ready after ${tidy(running.readySeconds)} s`);
    const warm = warmUps > 0 ? await running.go(warmUps) : { values: [] };
    return { name, running, seconds: [], values: warm.values ?? [], gpuBytes: gpuBytes() - before };
  } catch (error) {
    say(`${name} is left out: ${(error as Error).message}`);
    return undefined;
  }
}

async function takeTurn({ running, seconds, values }: Entry, { perRound, settle = 1 }: Rounds): Promise<void> {
  const turn = await running.go(settle + perRound);
  seconds.push(...turn.seconds.slice(settle));
  values.push(...(turn.values ?? []));
}

/**
 * How long contestants take until they are ready, anew each time, taking turns.
 * @param contestants  made again for every start, so that each can have an empty cache
 * @returns seconds from the start of the process, by name
 */
export async function race(
  contestants: (() => Promise<Contestant>)[],
  repeats: number,
  say: (line: string) => void,
): Promise<Record<string, Summary>> {
  const seconds: Record<string, number[]> = {};
  for (let repeat = 0; repeat < repeats; repeat++) {
    for (const make of contestants) {
      const contestant = await make();
      const running = await start(contestant);
      await running.end();
      say(`${contestant.name}: ready after ${tidy(running.readySeconds)} s`);
      seconds[contestant.name] = [...(seconds[contestant.name] ?? []), running.readySeconds];
    }
  }
  return Object.fromEntries(Object.entries(seconds).map(([name, values]) => [name, summaryOf(values)]));
}

/** Three digits, for people. */
export function tidy(value: number): string {
  if (value === 0 || !Number.isFinite(value)) return String(value);
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(digits, 4));
}
