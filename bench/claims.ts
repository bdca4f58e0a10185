/**
 * `npm run bench:claims`: what SimCLRv2 claims, at the scale of two cores. Runs of one recipe with a few keys changed, each a command that a
 * reader can give herself; they share what they have in common, and the same command goes on where it was stopped.
 * Writes bench/claims.json after every run, and docs/results.md from it.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { Command, Option } from 'commander';
import { parse } from 'yaml';
import type { RunJson } from '../cli/outcome.ts';
import { canonicalJson } from '../store/digest.ts';
import { startChild } from './children.ts';
import { claimsPage, type KeptRun, keptOf, type Runs } from './claims-page.ts';
import { brief } from './learning/protocol.ts';
import { busyCores, inWords, machineNow } from './machine.ts';
import { keep, keptResults } from './results.ts';

const path = (name: string) => fileURLToPath(new URL(`../${name}`, import.meta.url));
const [KEPT, PAGE] = [path('bench/claims.json'), path('docs/results.md')];
const RECIPE = 'recipes/cifar10-small.yaml';
const ONE_PERCENT = ['labels.fractions=[0.01]', 'labels.draws=5'];
const ONE_RATE = ['finetune.baseline={}']; // baselines nothing is read from, either
const NO_STUDENT = ['distill.epochs=1', 'distill.warmupEpochs=0']; // every run has one: this costs a minute, and nothing is read from it

const RUNS: Record<keyof Runs, string[]> = {
  whole: [],
  headless: ['finetune.fromHeadLayer=0', ...ONE_PERCENT, ...NO_STUDENT],
  narrow: ['encoder.width=0.125', 'labels.fractions=[0.01, 1]', 'labels.draws=[5, 1]', ...ONE_RATE, ...NO_STUDENT],
  narrowStudent: ['distill.student.width=0.125', 'distill.epochs=20', ...ONE_PERCENT],
};

const say = (line: string) => void process.stderr.write(`${line}\n`);

const names = Object.keys(RUNS) as (keyof Runs)[];
const { only = names } = new Command('npm run bench:claims --')
  .description('Run what the claims of SimCLRv2 are judged by. What an earlier run has made is used again.')
  .addOption(new Option('--only <runs...>', 'these runs, the others as they were kept').choices(names))
  .parse()
  .opts<{ only?: (keyof Runs)[] }>();
const recipe = brief(canonicalJson(parse(await readFile(path(RECIPE), 'utf8')))); // without its comments
const kept = await keptResults<KeptRun>(KEPT);
for (const name of only) {
  const sets = RUNS[name];
  const command = commandOf(sets);
  say(`${name}: ${command}`);
  const busy = await busyCores();
  const { scores, seconds } = await run(sets);
  const accuracies = scores.map(({ measures: _, ...score }) => score);
  const before = keptOf(kept, recipe)[name];
  const isReused = before?.command === command && before.seconds > seconds; // of how long it takes, that run says nothing
  const made = isReused ? before : { seconds, date: new Date().toISOString().slice(0, 10), machine: inWords(machineNow(busy)) };
  kept[name] = { ...made, command, recipe, scores: accuracies };
  await keep(kept, KEPT);
  await writeFile(PAGE, claimsPage(keptOf(kept, recipe)));
}

function commandOf(sets: string[]): string {
  return ['npx fewlabels run', RECIPE, ...sets.map((set) => `--set '${set}'`)].join(' ');
}

/** @throws Error when the run fails */
async function run(sets: string[]): Promise<RunJson> {
  const args = [path('cli/fewlabels.js'), 'run', path(RECIPE), '--json', ...sets.flatMap((set) => ['--set', set])];
  const child = startChild(process.execPath, args, process.env);
  createInterface(child.stderr).on('line', say);
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const said = await text(child.stdout);
  const status = await ended;
  if (status !== 0) throw new Error(`Cannot go on as every run must reach its report: status ${status}; what it said is above`);
  return JSON.parse(said) as RunJson;
}
