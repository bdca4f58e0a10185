/** What a benchmark is: a name, and a run that ends in lines of a table, each ours against the best peer. */

/** What must hold for `ratio` (ours / peer). */
export type Goal = { sense: 'atMost' | 'atLeast'; value: number };

/** One line of the table: ours against the best peer. */
export type Row = {
  name: string;
  ours: number;
  peer: number;
  peerName: string;
  /** Of `ours`, `peer` and `others`: `ms`, `s`, `MiB`, `images/s`, … */
  unit: string;
  /** ours / peer */
  ratio: number;
  goal?: Goal;
  /** How far the single measurements lay apart, in words, e.g. the quartiles. */
  spread?: [ours: string, peer: string];
  /** The other contestants, ours and theirs, in the same unit. */
  others?: Record<string, number>;
  note?: string;
};

/** What the suite lends to a benchmark. */
export type Tools = {
  /** Path of the peers' Python; their virtual environment is made when it is missing. */
  python(): Promise<string>;
  /** A short try: few iterations, small sizes. Its figures mean nothing. */
  quick: boolean;
  /** Progress, for people: one line. */
  say(line: string): void;
  /** A folder of this run's own, removed at its end. */
  scratch: string;
};

/** `lacks`: what this machine has not, in words, where it cannot be run. */
export type Benchmark = { name: string; about: string; lacks?: () => string | undefined; run(tools: Tools): Promise<Row[]> };

/** Whether a row keeps its goal; undefined when it has none. */
export function isMet({ ratio, goal }: Row): boolean | undefined {
  if (!goal) return undefined;
  return goal.sense === 'atMost' ? ratio <= goal.value : ratio >= goal.value;
}
