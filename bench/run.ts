/** Run benchmarks one after the other; what each comes to is kept at once. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { explain } from '../cli/problem.ts';
import type { Benchmark, Row, Tools } from './benchmark.ts';
import { endChildren, type Variables } from './children.ts';
import { busyCores, isBusy, machineNow } from './machine.ts';
import { pageOf } from './page.ts';
import { peersPython, peerVersions } from './peers.ts';
import { type Kept, keep, keptResults } from './results.ts';
import { suite } from './suite.ts';

export type Wish = {
  benchmarks: Benchmark[];
  quick: boolean;
  /** Keep the results and renew the page. */
  write: boolean;
  /** Leave out what was measured not longer ago, hours. */
  skipNewerThan?: number;
};
type Say = (line: string) => void;

const PAGE = fileURLToPath(new URL('../docs/benchmarks.md', import.meta.url));

/** @returns the rows of all that ran, and the names of those that could not */
export async function runSuite(wish: Wish, env: Variables, say: Say): Promise<{ rows: Row[]; failed: string[] }> {
  const scratch = mkdtempSync(join(tmpdir(), 'fewlabels-bench-'));
  const cleanUp = () => {
    endChildren();
    rmSync(scratch, { recursive: true, force: true });
  };
  process.on('exit', cleanUp);
  const tools = toolsOf(wish, env, scratch, say);
  const [rows, failed]: [Row[], string[]] = [[], []];
  for (const benchmark of wish.benchmarks) {
    const { name } = benchmark;
    const lacking = benchmark.lacks?.();
    if (lacking) {
      say(`${name} is left out: ${lacking}`);
      continue;
    }
    const earlier = (await keptResults())[name];
    if (isNew(earlier, wish)) {
      say(`${name}: measured at ${earlier.date}`);
      rows.push(...earlier.rows);
      continue;
    }
    try {
      rows.push(...(await measure(benchmark, wish, tools)));
    } catch (error) {
      say(`✖ ${name}: ${explain(error).join('\n')}`);
      failed.push(name);
    } finally {
      endChildren();
    }
  }
  return { rows, failed };
}

async function measure(benchmark: Benchmark, { write, quick }: Wish, tools: PeerTools): Promise<Row[]> {
  const { name, about } = benchmark;
  tools.say(`${name}: ${about}`);
  const [busy, started] = [await busyCores(), performance.now()];
  if (isBusy(busy))
    tools.say(
      `others use this machine (${busy.toFixed(1)} of its cores): the peers suffer more from it than ours, so the ratios flatter us`,
    );
  const rows = await benchmark.run(tools);
  if (!write) return rows;
  const seconds = Math.round((performance.now() - started) / 1_000);
  const machine = machineNow(busy, await tools.versions());
  const results = { ...(await keptResults()), [name]: { about, date: new Date().toISOString(), seconds, quick, machine, rows } };
  await keep(results);
  await writeFile(
    PAGE,
    pageOf(
      results,
      suite.map((each) => each.name),
    ),
  );
  return rows;
}

/** `versions`: of the peers' packages, when a benchmark has asked for their Python. */
export type PeerTools = Tools & { versions(): Promise<Record<string, string>> };

/** @param folder  there already; they work below it */
export function toolsOf({ quick }: Pick<Wish, 'quick'>, env: Variables, folder: string, say: Say): PeerTools {
  let python: Promise<string> | undefined;
  const scratch = join(folder, 'scratch');
  mkdirSync(scratch);
  return {
    quick,
    say,
    scratch,
    python() {
      python ??= peersPython(env, say);
      return python;
    },
    versions: async () => (python ? peerVersions(await python) : {}),
  };
}

function isNew(earlier: Kept | undefined, { skipNewerThan = 0 }: Wish): earlier is Kept {
  return earlier !== undefined && !earlier.quick && Date.now() - Date.parse(earlier.date) < skipNewerThan * 3_600_000;
}
