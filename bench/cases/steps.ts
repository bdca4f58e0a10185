/** Training steps against torch's, in each precision that the machine has: milliseconds a step, and peak memory. */
import { cpuFlags, gpuName, hasBfloat16 } from '../../workers/hardware.ts';
import type { Benchmark, Goal, Row, Tools } from '../benchmark.ts';
import { compare, compareMemory, expectDevice, expectLearning, gpuMemory, milliseconds } from '../comparison.ts';
import { contest, type Results, type Rounds } from '../contest.ts';
import { type Contestant, onGpu, ours, peer } from '../contestant.ts';

/** `work`: the contestants' file, without its ending; `images` per batch; `large`: one step holds gigabytes; `gpu`: it runs on a GPU, all others on the CPU. */
export type Task = {
  name: string;
  about: string;
  work: 'pretrain' | 'finetune' | 'distil';
  depth: 18 | 50;
  size: number;
  images: number;
  large?: true;
  gpu?: true;
};
export type Goals = { float32?: Goal; bfloat16?: Goal; memory?: Goal };

const QUICK: Rounds = { rounds: 2, perRound: 1, warmUps: 1 };
const QUICK_IMAGES = 8;

export function stepBenchmark(task: Task, rounds: Rounds, goals: Goals = {}): Benchmark {
  return {
    name: task.name,
    about: task.about,
    lacks: () => (task.gpu && !gpuName() ? 'there is no NVIDIA GPU' : undefined),
    async run(tools) {
      const [given, pace] = tools.quick ? [{ ...task, images: QUICK_IMAGES }, QUICK] : [task, rounds];
      const rows = await heat(given, 'f32', goals.float32, goals.memory, pace, tools);
      if (hasBfloat16(task.gpu ?? false)) return [...rows, ...(await heat(given, 'bf16', goals.bfloat16, goals.memory, pace, tools))];
      tools.say('bfloat16 is left out: this processor would emulate it');
      return rows;
    },
  };
}

/** All contestants of one precision. */
async function heat(
  task: Task,
  precision: 'f32' | 'bf16',
  time: Goal | undefined,
  space: Goal | undefined,
  rounds: Rounds,
  tools: Tools,
): Promise<Row[]> {
  const python = await tools.python();
  const own = precision === 'f32' ? ownFloat32(task) : [contestant('compiled', 'bfloat16', task)];
  const theirs = precision === 'f32' ? theirFloat32(task, python) : theirBfloat16(task, python);
  const all = [...own, ...theirs];
  const results = task.gpu ? await oneByOne(all.map(onGpu), rounds, tools.say) : await contest(all, rounds, tools.say);
  expectLearning(results);
  expectDevice(results, task.gpu ? 'GPU' : 'CPU');
  const names = own.map(({ name }) => name);
  const memory = `${task.name} memory ${precision}`;
  return [
    compare(`${task.name} step ${precision}`, results, names, milliseconds, {
      goal: time,
      note: noteOn(task, all, results),
    }),
    task.gpu ? compare(memory, results, names, gpuMemory) : compareMemory(memory, results, names, space),
  ];
}

/** Of a GPU's memory each takes what it can get: together they would not fit, and nobody else is there to make turns worth it. */
async function oneByOne(contestants: Contestant[], rounds: Rounds, say: (line: string) => void): Promise<Results> {
  const results: Results = {};
  for (const contestant of contestants) Object.assign(results, await contest([contestant], rounds, say));
  return results;
}

/** Which GPU, and who could not run: it might have been the faster one. */
function noteOn({ gpu }: Task, all: Contestant[], results: Results): string | undefined {
  const absent = all.filter(({ name }) => !results[name]).map(({ name }) => name);
  const notes = [
    ...(gpu ? [`on ${gpuName()}, one after the other`] : []),
    ...(absent.length > 0 ? [`could not run: ${absent.join(', ')}`] : []),
  ];
  return notes.length > 0 ? notes.join('; ') : undefined;
}

const sizes = ({ depth, size, images }: Task) => [depth, size, images];
const contestant = (name: string, execution: string, task: Task): Contestant =>
  ours(`fewlabels ${name}`, `${task.work}.ts`, [...sizes(task), execution]);

/** All wait for their turns in memory together, so eager, which counts for nothing and needs most, stays away from large ones. */
const ownFloat32 = (task: Task) => [contestant('compiled', 'float32', task), ...(task.large ? [] : [contestant('eager', 'eager', task)])];

const theirFloat32 = (task: Task, python: string) => [
  peer('torch channels_last', python, `${task.work}.py`, sizes(task)),
  ...(task.gpu ? [] : [peer('torch contiguous', python, `${task.work}.py`, [...sizes(task), '--layout', 'contiguous'])]), // a GPU's time is short
  peer('torch.compile', python, `${task.work}.py`, [...sizes(task), '--compile']),
];

const theirBfloat16 = (task: Task, python: string) => [
  peer('torch autocast', python, `${task.work}.py`, [...sizes(task), '--bfloat16']),
  peer('torch.compile autocast', python, `${task.work}.py`, [...sizes(task), '--bfloat16', '--compile']),
];

/** The goal for float32 depends on the processor: wide vectors favour TensorFlow's kernels. */
export const stepGoals = (): Goals => ({
  float32: { sense: 'atMost', value: cpuFlags().includes('avx512f') ? 0.9 : 0.95 },
  bfloat16: { sense: 'atMost', value: 1 },
  memory: { sense: 'atMost', value: 0.75 },
});
