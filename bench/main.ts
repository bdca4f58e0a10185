/** `npm run bench`: ours against the peers. Progress goes to stderr, the table or the JSON to stdout. */
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { EXIT, explain } from '../cli/problem.ts';
import { columns } from '../cli/terminal.ts';
import { isMet, type Row } from './benchmark.ts';
import { tidy } from './contest.ts';
import { runSuite } from './run.ts';
import { suite } from './suite.ts';

type Options = { list?: true; only: string[]; json?: true; quick?: true; write?: boolean; skipNewerThan?: number };

const say = (line: string) => void process.stderr.write(`${line}\n`);
const print = (text: string) => void process.stdout.write(`${text}\n`);
const names = suite.map(({ name }) => name);

const program = new Command('npm run bench --')
  .description('Measure ours against PyTorch, torchvision and lightly on this machine.')
  .option('--list', 'name the benchmarks')
  .option('--only <name>', 'this benchmark only (repeatable)', known, [])
  .option('--json', 'print the results as JSON on stdout and nothing else there')
  .option('--quick', 'small and few, to see that it runs; the figures mean nothing and are not kept')
  .option('--write', 'keep the results and renew docs/benchmarks.md (as it does unless --quick)')
  .option('--no-write', 'leave bench/results.json and docs/benchmarks.md as they are')
  .option('--skip-newer-than <hours>', 'leave out what was measured not longer ago, to go on where a run was stopped', Number)
  .exitOverride();

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(EXIT.interrupted)); // children end on exit

process.exitCode = await main().catch((error: unknown) => {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.badInput;
  say(`✖ ${explain(error).join('\n')}`);
  return EXIT.failed;
});

async function main(): Promise<number> {
  program.parse();
  const { list, only, json, quick = false, write = !quick, skipNewerThan } = program.opts<Options>();
  if (list) {
    print(columns(suite.map(({ name, about }) => [name, about])).join('\n'));
    return EXIT.done;
  }
  const benchmarks = only.length > 0 ? suite.filter(({ name }) => only.includes(name)) : suite;
  const { rows, failed } = await runSuite({ benchmarks, quick, write, skipNewerThan }, process.env, say);
  print(json ? JSON.stringify(rows.map(briefly)) : [...columns(rows.map(cells), [1, 2, 3]), ...rows.flatMap(noted)].join('\n'));
  return failed.length > 0 ? EXIT.failed : EXIT.done;
}

function known(name: string, before: string[]): string[] {
  if (!names.includes(name)) throw new InvalidArgumentError(`It must be one of ${names.join(', ')}.`);
  return [...before, name];
}

function noted({ name, note }: Row): string[] {
  return note ? [`${name}: ${note}`] : [];
}

function briefly({ name, ours, peer, peerName, unit, ratio, goal, note }: Row) {
  return { name, ours, peer, peerName, unit, ratio, goal, note };
}

function cells(row: Row): string[] {
  const met = isMet(row);
  const goal = row.goal ? `${row.goal.sense === 'atMost' ? '≤' : '≥'} ${row.goal.value} ${met ? 'met' : 'NOT MET'}` : '';
  return [row.name, `${tidy(row.ours)} ${row.unit}`, `${tidy(row.peer)} ${row.unit}`, row.ratio.toFixed(2), goal, row.peerName];
}
