/** docs/results.md: what the paper claims, what came out here, and how sure that is. */
import type { Score } from '../contracts/scores.ts';
import { type Difference, differenceOf, spreadOf } from './learning/differences.ts';

/** One run: its command, digest of the recipe as it was then, accuracies, and how long it took from what was there before. */
export type KeptRun = { command: string; recipe: string; seconds: number; date: string; machine: string; scores: Score[] };
export type Runs = { whole: KeptRun; headless: KeptRun; narrow: KeptRun; narrowStudent: KeptRun };
/** `whole`: the recipe as it stands; `headless`: fine-tuned without a head layer; `narrow`: half the width; `narrowStudent`: a student of half the width. */
export type Kept = Partial<Runs>;

/** Accuracies of one model at one fraction, by label draw. */
type Draws = number[];
type Claim = {
  claim: string;
  source: string;
  labels: string;
  /** What is better by the claim, and what it is compared with. */
  sides: [better: string, other: string];
  /** As many of each, paired; or one of the other, as all labels there are leave nothing to draw. */
  values(runs: Kept): [Draws, Draws];
  /** Points by which it should be better; 0: any. */
  atLeast: number;
};

/** Those of the recipe as it stands; of another one they would be compared with runs that are not alike. @param recipe  its digest */
export function keptOf(all: Record<string, KeptRun>, recipe: string): Kept {
  return Object.fromEntries(Object.entries(all).filter(([, run]) => run.recipe === recipe));
}

const at = (run: KeptRun | undefined, model: Score['model'], fraction: number): Draws =>
  (run?.scores ?? [])
    .filter((score) => score.model === model && 'fraction' in score && score.fraction === fraction)
    .toSorted((a, b) => a.draw - b.draw)
    .map(({ accuracy }) => 100 * accuracy);

/** What one model has over another, at 1 % and at 100 % of the labels. */
function gains(run: KeptRun | undefined, model: Score['model'], over: KeptRun | undefined, other: Score['model']): [Draws, Draws] {
  const gain = (fraction: number) => at(run, model, fraction).map((value, i) => value - (at(over, other, fraction)[i] ?? Number.NaN));
  return [gain(0.01), gain(1)];
}

const CLAIMS: Claim[] = [
  ...[0.01, 0.1, 1].map((fraction) => ({
    claim: 'pretraining helps',
    source: 'sections 3.2 and 3.5, tables 1 and 3',
    labels: `${100 * fraction} %`,
    sides: ['classifier', 'baseline'] as [string, string],
    values: ({ whole }: Kept): [Draws, Draws] => [at(whole, 'classifier', fraction), at(whole, 'baseline', fraction)],
    atLeast: fraction === 0.01 ? 8 : 0,
  })),
  {
    claim: 'it helps most with few labels',
    source: 'sections 3.2 and 3.5, tables 1 and 3',
    labels: '1 % and 100 %',
    sides: ['gain by pretraining at 1 %', 'the same at 100 %'],
    values: ({ whole }) => gains(whole, 'classifier', whole, 'baseline'),
    atLeast: 0,
  },
  {
    claim: 'fine-tuning from a middle layer of the head is better than from none',
    source: 'section 3.3, figure 5',
    labels: '1 %',
    sides: ['from head layer 1', 'from head layer 0'],
    values: ({ whole, headless }) => [at(whole, 'classifier', 0.01), at(headless, 'classifier', 0.01)],
    atLeast: 0,
  },
  ...[0.01, 0.1, 1].map((fraction) => ({
    claim: 'a student of the teacher’s size is at least as good as its teacher',
    source: 'section 3.4, figure 6',
    labels: `${100 * fraction} %`,
    sides: ['student', 'teacher'] as [string, string],
    values: ({ whole }: Kept): [Draws, Draws] => [at(whole, 'student', fraction), at(whole, 'classifier', fraction)],
    atLeast: 0,
  })),
  {
    claim: 'a small student of a big teacher is better than a small network fine-tuned itself',
    source: 'section 3.4, figure 6',
    labels: '1 %',
    sides: ['student of half the width', 'classifier of half the width'],
    values: ({ narrow, narrowStudent }) => [at(narrowStudent, 'student', 0.01), at(narrow, 'classifier', 0.01)],
    atLeast: 0,
  },
  {
    claim: 'a bigger network helps most with few labels',
    source: 'section 3.2, figure 1',
    labels: '1 % and 100 %',
    sides: ['gain by twice the width at 1 %', 'the same at 100 %'],
    values: ({ whole, narrow }) => gains(whole, 'classifier', narrow, 'classifier'),
    atLeast: 0,
  },
];

const HEAD = `# Results: the paper's claims at the scale of two cores

What [SimCLRv2](https://arxiv.org/abs/2006.10029) claims, tried on a CIFAR-10 sample: 5,000 images to learn from, 1,000 to test with, 32 px, ten classes.
\`npm run bench:claims\` runs everything, goes on where it was stopped, and writes this page. Settings: [recipes/cifar10-small.yaml](../recipes/cifar10-small.yaml).

Accuracies are percent of the test images, mean ± standard deviation over label draws, which share one pretraining. *Difference* is in points, paired by
draw, with a 95 % interval (Student's t) over the draws: it says how far other labelled images would change it, not other test images (± 3 points for one
accuracy) nor another pretraining. A claim holds, or does not, where the whole interval says so. One draw has no interval, and decides nothing, not beside several
of the other side either.`;

const HEADINGS = ['claim', 'source', 'labels', 'better', 'than', 'difference', 'here'];

/** @param runs  those that are done */
export function claimsPage(runs: Kept): string {
  const table = [HEADINGS, HEADINGS.map(() => '---'), ...CLAIMS.map((claim) => cellsOf(claim, runs))];
  const done = (Object.values(runs) as KeptRun[]).map(
    ({ command, seconds, date, machine }) => `    ${command}\n\n${date}, ${Math.ceil(seconds / 60)} min, on ${machine}.`,
  );
  return [
    HEAD,
    table.map((cells) => `| ${cells.join(' | ')} |`).join('\n'),
    '## Commands',
    'Each took so long with what those above it, or an earlier try of its own, had made.',
    ...done,
  ]
    .join('\n\n')
    .concat('\n');
}

function cellsOf({ claim, source, labels, sides, values, atLeast }: Claim, runs: Kept): string[] {
  const [better, other] = values(runs);
  const goal = atLeast > 0 ? ` (goal: ${atLeast} points)` : '';
  const isPaired = better.length === other.length;
  if (better.length === 0 || (!isPaired && other.length !== 1) || [...better, ...other].some(Number.isNaN))
    return [claim + goal, source, labels, sides[0], sides[1], '', 'not run yet'];
  const difference = isPaired ? differenceOf(better, other) : differenceOf([spreadOf(better).mean], other);
  const side = (name: string, draws: Draws) => `${name} ${spread(draws)}`;
  return [
    claim + goal,
    source,
    labels,
    side(sides[0], better),
    side(sides[1], other),
    differenceText(difference),
    verdict(difference, atLeast),
  ];
}

function spread(draws: Draws): string {
  const { mean, deviation } = spreadOf(draws);
  const text = `${mean < 0 ? '−' : ''}${Math.abs(mean).toFixed(1)}`;
  return deviation !== undefined ? `${text} ± ${deviation.toFixed(1)}` : text;
}

const signed = (points: number) => `${points < 0 ? '−' : '+'}${Math.abs(points).toFixed(1)}`;

function differenceText({ mean, interval }: Difference): string {
  return interval ? `${signed(mean)} (${signed(interval[0])} to ${signed(interval[1])})` : signed(mean);
}

/** Whether the claim holds here, and whether by as much as is hoped for. */
function verdict(difference: Difference, atLeast: number): string {
  const holds = answerOf(difference, 0);
  return atLeast > 0 ? `${holds}; by ${atLeast} points: ${answerOf(difference, atLeast)}` : holds;
}

/** Whether the difference is as large as `bound`: only where the whole interval says so. */
function answerOf({ mean, interval }: Difference, bound: number): string {
  const leaning = mean < bound ? 'no' : 'yes';
  if (!interval) return `rather ${leaning}, by one draw`;
  const [low, high] = interval;
  return low >= bound ? '**yes**' : high < bound ? '**no**' : `undecided, rather ${leaning}`;
}
