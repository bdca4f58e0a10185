/**
 * Whether memory grows: the peak of every process in a whole run on n images, against a run on ten times as many, and of the trainers
 * that pass over all images against those that pass over them ten times as often.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { QUEUES } from '../../contracts/queues.ts';
import type { TrainerJob } from '../../contracts/trainer.ts';
import type { Benchmark, Row, Tools } from '../benchmark.ts';
import { withServers } from '../embedded.ts';
import { childrenOf, commandOf, peakBytes } from '../processes.ts';

/** Most memory so far, bytes, of each process by what it is. */
type Peaks = Record<string, number>;

/** Two full windows of a trainer's feed, so that ten times as many fill no more; and enough for an epoch. */
const [IMAGES, IMAGES_OF_EPOCH] = [16_000, 2_000];
const CLASSES = 6; // of the generated images
const LONG_TRAINERS = ['trainer pretrain', 'trainer distill'];
const SAMPLE_EVERY_MS = 200;
const TRAINER = 'workers/trainer.ts';
const WORKERS: string[] = Object.keys(QUEUES);
/** Servers are not ours, and keep what they like in memory. */
const NOT_OURS = ['temporal', 'minio'];

export const growth: Benchmark = {
  name: 'growth',
  about: 'peak memory of every process of a run on 160,000 images against one on 16,000, and of ten times the epochs',
  async run(tools) {
    const [images, imagesOfEpoch] = tools.quick ? [200, 200] : [IMAGES, IMAGES_OF_EPOCH];
    const few = await peaksOf(images, 1, tools);
    const many = await peaksOf(10 * images, 1, tools);
    const short = await peaksOf(imagesOfEpoch, 1, tools);
    const long = await peaksOf(imagesOfEpoch, 10, tools);
    const names = Object.keys(few).toSorted();
    return [
      ...names.map((name) => rowOf(`growth in images: ${name}`, `${images} images`, few[name], many[name], !NOT_OURS.includes(name))),
      ...LONG_TRAINERS.map((name) => rowOf(`growth in epochs: ${name}`, 'one epoch', short[name], long[name], true)),
    ];
  },
};

function rowOf(name: string, peerName: string, few = Number.NaN, many = Number.NaN, isOurs: boolean): Row {
  return {
    name,
    ours: many / 2 ** 20,
    peer: few / 2 ** 20,
    peerName,
    unit: 'MiB',
    ratio: many / few,
    goal: isOurs ? { sense: 'atMost', value: 1.1 } : undefined,
    note: isOurs ? undefined : 'a server, not ours: no goal',
  };
}

/** A whole run on fresh servers and workers. */
function peaksOf(images: number, epochs: number, tools: Tools): Promise<Peaks> {
  return withServers(tools, async (embedded) => {
    const peaks: Peaks = {};
    const size = `images.train.perClass=${Math.ceil(images / CLASSES)}`;
    const run = await embedded.run('growth.yaml', [size, `pretrain.epochs=${epochs}`, `distill.epochs=${epochs}`]);
    const sampling = setInterval(() => sample({ ...embedded.processes, command: run.pid }, peaks), SAMPLE_EVERY_MS);
    try {
      const status = await run.ended;
      if (status !== 0) throw new Error(`Cannot measure as the run must end well: status ${status}`);
    } finally {
      clearInterval(sampling);
    }
    tools.say(`${images} images, ${epochs} epochs: ${textOf(peaks)}`);
    return peaks;
  });
}

/** The system keeps a process's peak as long as it lives, so few looks are enough. */
function sample(processes: Record<string, number>, peaks: Peaks): void {
  const note = (name: string, pid: number) => {
    peaks[name] = Math.max(peaks[name] ?? 0, peakBytes(pid) ?? 0);
  };
  for (const [name, pid] of Object.entries(processes)) note(WORKERS.includes(name) ? `${name} worker` : name, pid);
  for (const pid of childrenOf(processes.training ?? 0)) {
    const kind = kindOf(pid);
    if (kind) note(`trainer ${kind}`, pid);
  }
}

/** What a trainer does; undefined for other processes, and while it begins or ends. */
function kindOf(pid: number): string | undefined {
  const command = commandOf(pid);
  const folder = command[command.findIndex((word) => word.endsWith(TRAINER)) + 1];
  if (!folder || !command.some((word) => word.endsWith(TRAINER))) return undefined;
  try {
    const job = JSON.parse(readFileSync(join(folder, 'job.json'), 'utf8')) as TrainerJob;
    return job.kind === 'finetune' && job.baseline ? 'baseline' : job.kind;
  } catch {
    return undefined; // its folder is gone
  }
}

const textOf = (peaks: Peaks) =>
  Object.entries(peaks)
    .map(([name, bytes]) => `${name} ${Math.round(bytes / 2 ** 20)} MiB`)
    .join(', ');
