/** docs/benchmarks.md: one table for each benchmark, made from what is kept. */
import { isMet, type Row } from './benchmark.ts';
import { tidy } from './contest.ts';
import { inWords } from './machine.ts';
import type { Kept, Kepts } from './results.ts';

const HEAD = `# Benchmarks

Ours against PyTorch, torchvision and lightly on the same machine. \`npm run bench\` measures anew and writes this page; \`npm run bench -- --only
NAME\` renews one section, \`npm run bench -- --list\` names them. The peers' Python is installed from PyPI on first use, or named in
\`FEWLABELS_BENCH_PYTHON\`.

Contestants are processes of their own and take turns, so that whatever else the machine does falls on all (on a GPU one comes after the other). A figure is the median of
their iterations; *spread* is the quartiles. *Ratio* is ours / theirs, against the best of the peers: for times and memory less is better, for rates more.`;

/** The page. @param order  names of the benchmarks, as the suite lists them */
export function pageOf(results: Kepts, order: string[]): string {
  const names = order.filter((name) => results[name]);
  const sections = names.map((name) => sectionOf(name, results[name] as Kept));
  return [HEAD, ...sections].join('\n\n').concat('\n');
}

function sectionOf(name: string, { about, date, seconds, quick, machine, rows }: Kept): string {
  const notes = rows.filter(({ note }) => note).map((row) => `- ${row.name}: ${row.note}`);
  const when = `\`npm run bench -- --only ${name}\`, ${date.slice(0, 10)}, ${Math.ceil(seconds / 60)} min, on ${inWords(machine)}.`;
  const warning = quick ? ['**A quick try: these figures mean nothing.**'] : [];
  const table = [HEADINGS, HEADINGS.map((_, column) => (column === 0 ? '---' : '---:')), ...rows.map(cellsOf)].map(line).join('\n');
  return [`## ${name}`, about, when, ...warning, table, ...(notes.length ? [notes.join('\n')] : [])].join('\n\n');
}

const HEADINGS = ['', 'ours', 'best peer', 'ratio', 'goal', 'spread, ours', 'spread, peer', 'the others'];
const line = (cells: string[]) => `| ${cells.join(' | ')} |`;

function cellsOf(row: Row): string[] {
  const { name, ours, peer, peerName, unit, ratio, spread = ['', ''], others = {} } = row;
  const rest = Object.entries(others).map(([other, value]) => `${other} ${tidy(value)}`);
  return [name, `${tidy(ours)} ${unit}`, `${tidy(peer)} ${unit} (${peerName})`, ratio.toFixed(2), verdict(row), ...spread, rest.join('; ')];
}

function verdict(row: Row): string {
  if (!row.goal) return '';
  return `${row.goal.sense === 'atMost' ? '≤' : '≥'} ${row.goal.value}: ${isMet(row) ? 'met' : '**not met**'}`;
}
