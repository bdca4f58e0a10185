/**
 * Pretraining from images to a representation, through the whole pipeline, against a plain script of lightly's: wall-clock, CPU time,
 * and what the pipeline itself costs.
 */
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hasBfloat16 } from '../../workers/hardware.ts';
import type { Benchmark, Row, Tools } from '../benchmark.ts';
import { startChild } from '../children.ts';
import { seconds } from '../comparison.ts';
import { withServers } from '../embedded.ts';
import { peerEnvironment } from '../peers.ts';
import { watchPretraining } from '../pretraining.ts';
import { endedSeconds } from '../processes.ts';
import { copySome, folderOf } from '../sample-images.ts';
import { summaryOf } from '../statistics.ts';

type Precision = 'float32' | 'bfloat16';
type Plan = { folder: string; epochs: number; repeats: number };
/** `parts`: what it says of itself, seconds. */
type Cost = { wall: number; cpu: number; parts: Record<string, number> };

type Peer = { who: string; costs: Cost[] };

const SCRIPT = fileURLToPath(new URL('../peers/lightly_simclr.py', import.meta.url));
const PEER = 'lightly';
/** None: the training process makes the views itself. */
const LOADER_WORKERS = [0, 2];

export const pipelineBenchmark: Benchmark = {
  name: 'pipeline',
  about: 'pretraining on 5,000 images of CIFAR-10, three epochs, through the whole pipeline; against a plain script',
  async run(tools) {
    const plan = tools.quick ? await quickPlan(tools) : { folder: folderOf('cifar10'), epochs: 3, repeats: 2 };
    const rows = await compareIn('float32', plan, tools);
    return hasBfloat16(false) ? [...rows, ...(await compareIn('bfloat16', plan, tools))] : rows;
  },
};

async function quickPlan({ scratch }: Tools): Promise<Plan> {
  const folder = await mkdtemp(join(scratch, 'cifar10-'));
  await copySome(folder, 'cifar10', 64);
  return { folder, epochs: 1, repeats: 1 };
}

/** Both in one precision, in turns, the peer first in every other one. */
async function compareIn(precision: Precision, plan: Plan, tools: Tools): Promise<Row[]> {
  const mine: Cost[] = [];
  const theirs = LOADER_WORKERS.map((workers) => ({ who: `${PEER}, ${workers} loader workers`, workers, costs: [] as Cost[] }));
  const goes = [
    async () => void mine.push(await runOurs(precision, plan, tools)),
    ...theirs.map(
      ({ workers, costs }) =>
        async () =>
          void costs.push(await runPeer(precision, workers, plan, tools)),
    ),
  ];
  for (let repeat = 0; repeat < plan.repeats; repeat++) {
    for (const go of repeat % 2 ? goes.toReversed() : goes) await go();
  }
  return rowsOf(precision, mine, theirs);
}

/** Servers and workers are up before the clock starts; the command, shards, views and the store's work count. */
function runOurs(precision: Precision, { folder, epochs }: Plan, tools: Tools): Promise<Cost> {
  return withServers(tools, async (embedded) => {
    const sets = [`images.train=${folder}`, `pretrain.epochs=${epochs}`, `compute.precision=${precision}`];
    const measured = await watchPretraining(embedded, 'pipeline.yaml', sets);
    const { wall, cpu, ...parts } = measured;
    tools.say(`fewlabels ${precision}: ${wall.toFixed(1)} s, CPU ${cpu.toFixed(1)} s; ${textOf(parts)}`);
    return { wall, cpu, parts };
  });
}

/** One process, from its start to its end, with those it starts. */
async function runPeer(precision: Precision, workers: number, { folder, epochs }: Plan, { python, scratch, say }: Tools): Promise<Cost> {
  const out = join(scratch, 'representation.pt');
  const args = [SCRIPT, folder, out, '--epochs', epochs, '--precision', precision, '--workers', workers].map(String);
  const interpreter = await python();
  const [before, started] = [endedSeconds(process.pid), performance.now()];
  const child = startChild(interpreter, args, peerEnvironment(process.env));
  let [said, complaints] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complaints += text));
  const status = await new Promise((resolve) => child.once('close', resolve));
  if (status !== 0) throw new Error(`Cannot compare as lightly's script must end well: status ${status}; it said\n${complaints}`);
  const [wall, cpu] = [(performance.now() - started) / 1_000, endedSeconds(process.pid) - before];
  const parts = JSON.parse(said.trim().split('\n').at(-1) ?? '') as Record<string, number>;
  say(`${PEER} ${precision}, ${workers} workers: ${wall.toFixed(1)} s, CPU ${cpu.toFixed(1)} s; ${textOf(parts)}`);
  return { wall, cpu, parts };
}

function rowsOf(precision: Precision, mine: Cost[], theirs: Peer[]): Row[] {
  const wall = ({ wall: value }: Cost) => value;
  const cpu = ({ cpu: value }: Cost) => value;
  const name = precision === 'float32' ? 'f32' : 'bf16';
  const parts = partsOf(mine.map((cost) => cost.parts));
  const { overhead = Number.NaN, ...inSeconds } = parts;
  return [
    { ...versus(`pipeline wall-clock ${name}`, mine, theirs, wall), goal: { sense: 'atMost', value: 0.9 }, note: textOf(inSeconds) },
    { ...versus(`pipeline CPU ${name}`, mine, theirs, cpu), note: 'servers, workers, trainer and command; of the peer all its processes' },
    {
      name: `pipeline overhead ${name}`,
      ours: overhead,
      peer: 1,
      peerName: 'wall-clock',
      unit: 'of the wall-clock',
      ratio: overhead,
      goal: { sense: 'atMost', value: 0.05 },
      others: inSeconds,
      note: OVERHEAD,
    },
  ];
}

const OVERHEAD =
  '1 − (steps + views that no training hides) / wall-clock. Steps: their number × the median second a step of the heartbeats; views: the ' +
  'time in which an augment activity runs and no pretrain activity does. So decoding, sealing, the start and end of the trainer, its ' +
  'compilation, checkpoints, and all waiting count as overhead. others: seconds';

/** Medians of ours against those of the faster peer. */
function versus(name: string, mine: Cost[], theirs: Peer[], of: (cost: Cost) => number): Row {
  const ours = summaryOf(mine.map(of));
  const all = theirs.map(({ who, costs }) => ({
    who,
    wall: summaryOf(costs.map(({ wall }) => wall)),
    mine: summaryOf(costs.map(of)),
  }));
  const [best, ...rest] = all.sort((a, b) => a.wall.median - b.wall.median); // by wall-clock, whatever is compared
  if (!best) throw new Error(`Cannot compare "${name}" as a peer must have run`);
  const spread: Row['spread'] = [seconds.spread?.(ours) ?? '', seconds.spread?.(best.mine) ?? ''];
  const others = Object.fromEntries(rest.map(({ who, mine: summary }) => [who, summary.median]));
  return {
    name,
    ours: ours.median,
    peer: best.mine.median,
    peerName: best.who,
    unit: 's',
    ratio: ours.median / best.mine.median,
    spread,
    others,
  };
}

/** Median of each part. */
function partsOf(all: Record<string, number>[]): Record<string, number> {
  return Object.fromEntries(Object.keys(all[0] ?? {}).map((part) => [part, summaryOf(all.map((one) => one[part] ?? 0)).median]));
}

const textOf = (parts: Record<string, number>) =>
  Object.entries(parts)
    .map(([part, value]) => `${part} ${value.toFixed(2)}`)
    .join(', ');
