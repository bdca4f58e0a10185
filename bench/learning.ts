/** `npm run bench:learning`: how well ours learns, and how well lightly does. Progress goes to stderr; what is kept, to a page. */
import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { EXIT, explain } from '../cli/problem.ts';
import type { Sample } from '../test/sample-data.ts';
import { endChildren } from './children.ts';
import { measureLightly } from './learning/lightly.ts';
import { measureOurs } from './learning/ours.ts';
import { pageOf } from './learning/page.ts';
import { type Kept, keptOf, keyOf, type Plan, planOf, SAMPLES, SEEDS, SIDES, type Side } from './learning/protocol.ts';
import { busyCores, machineNow } from './machine.ts';
import { keep, keptResults } from './results.ts';
import { type PeerTools, toolsOf } from './run.ts';
import { copySome } from './sample-images.ts';

type Options = { only: Sample[]; seed: number[]; quick?: true; out?: string };
/** Where results and page are kept. */
type Places = { results: string; page: string };

const say = (line: string) => void process.stderr.write(`${line}\n`);
const MEASURE = { ours: measureOurs, lightly: measureLightly };
const QUICK_SETS = [
  'encoder.width=0.125',
  'pretrain.epochs=1',
  'labels={fractions: [0.5, 1], draws: 2}',
  'finetune.epochs=1',
  'finetune.atLeastSteps=2',
];
const QUICK_IMAGES = { train: 16, test: 4 };

const program = new Command('npm run bench:learning --')
  .description('Compare what ours and lightly learn, on this machine. What was measured under the same rules is not measured again.')
  .option('--only <sample>', `${SAMPLES.join(' or ')} (repeatable; both without it)`, known, [])
  .option(
    '--seed <number>',
    `of a pretraining (repeatable; without it ${SAMPLES.map((sample) => `${SEEDS[sample].join(', ')} of ${sample}`).join('; ')})`,
    whole,
    [],
  )
  .option('--quick', 'few images, one epoch, one seed, to see that it runs; the figures mean nothing and are not kept')
  .option('--out <folder>', 'keep learning.json and learning.md there, and not in bench/ and docs/')
  .exitOverride();

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(EXIT.interrupted)); // children end on exit

process.exitCode = await main().catch((error: unknown) => {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.badInput;
  say(`✖ ${explain(error).join('\n')}`);
  return EXIT.failed;
});

async function main(): Promise<number> {
  program.parse();
  const { only, seed, quick = false, out } = program.opts<Options>();
  const scratch = mkdtempSync(join(tmpdir(), 'fewlabels-learning-'));
  process.on('exit', () => {
    endChildren();
    rmSync(scratch, { recursive: true, force: true });
  });
  const places = await placesOf(out ?? (quick ? scratch : undefined));
  const tools = toolsOf({ quick }, process.env, scratch, say);
  await tools.python(); // whatever it installs, before anything is measured
  const plans = await Promise.all(SAMPLES.map((sample) => planned(sample, quick, scratch)));
  const seedsOf = (sample: Sample) => (quick ? SEEDS[sample].slice(0, 1) : SEEDS[sample]);
  let failed = 0;
  for (const plan of plans.filter(({ sample }) => only.length === 0 || only.includes(sample))) {
    for (const each of seed.length > 0 ? seed : seedsOf(plan.sample)) {
      for (const side of SIDES) {
        await measureOnce(plan, each, side, places, tools).catch((error: unknown) => {
          say(`✖ ${keyOf(plan.sample, each, side)}: ${explain(error).join('\n')}`);
          failed++;
        });
        const isAsked = (sample: Sample) => only.length === 0 || only.includes(sample);
        const seeds = (sample: Sample) => [...new Set([...seedsOf(sample), ...(isAsked(sample) ? seed : [])])].sort((a, b) => a - b);
        await writeFile(places.page, pageOf(await keptResults<Kept>(places.results), plans, seeds, quick));
      }
    }
  }
  say(`✔ ${places.page}`);
  return failed > 0 ? EXIT.failed : EXIT.done;
}

async function measureOnce(plan: Plan, seed: number, side: Side, { results }: Places, tools: PeerTools): Promise<void> {
  const { sample, protocols } = plan;
  const key = keyOf(sample, seed, side);
  const earlier = keptOf(await keptResults<Kept>(results), plan, seed, side);
  if (earlier) return say(`${key}: measured at ${earlier.date}`);
  say(`${key}: begins`);
  const [busy, started] = [await busyCores(), performance.now()];
  const measured = await MEASURE[side](plan, seed, tools);
  const seconds = Math.round((performance.now() - started) / 1_000);
  const machine = machineNow(busy, await tools.versions());
  const kept: Kept = { sample, seed, side, protocol: protocols[side], date: new Date().toISOString(), seconds, machine, ...measured };
  await keep({ ...(await keptResults<Kept>(results)), [key]: kept }, results);
  say(`${key}: pretrained in ${measured.pretraining.toFixed(0)} s, all of it in ${seconds} s`);
}

async function planned(sample: Sample, quick: boolean, scratch: string): Promise<Plan> {
  if (!quick) return planOf(sample, process.env);
  const folders: string[] = [];
  for (const part of ['train', 'test'] as const) {
    const folder = join(scratch, sample, part);
    await copySome(folder, sample, QUICK_IMAGES[part], part);
    folders.push(`images.${part}=${folder}`);
  }
  return planOf(sample, process.env, QUICK_SETS, folders);
}

async function placesOf(folder: string | undefined): Promise<Places> {
  if (folder) {
    await mkdir(folder, { recursive: true });
    return { results: join(folder, 'learning.json'), page: join(folder, 'learning.md') };
  }
  const beside = (path: string) => fileURLToPath(new URL(path, import.meta.url));
  return { results: beside('learning.json'), page: beside('../docs/learning.md') };
}

function known(name: string, before: Sample[]): Sample[] {
  const sample = SAMPLES.find((one) => one === name);
  if (!sample) throw new InvalidArgumentError(`It must be one of ${SAMPLES.join(', ')}.`);
  return [...before, sample];
}

function whole(text: string, before: number[]): number[] {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return [...before, Number(text)];
}
