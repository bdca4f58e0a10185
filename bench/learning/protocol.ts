/** What is compared with lightly, and under which rules: a recipe for each sample, and the rates that the peer may choose from. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { readRecipe } from '../../cli/recipe-file.ts';
import type { Recipe } from '../../contracts/recipe.ts';
import { canonicalJson, sha256 } from '../../store/digest.ts';
import type { Sample } from '../../test/sample-data.ts';
import type { Variables } from '../children.ts';
import type { Machine } from '../machine.ts';

export const SAMPLES: Sample[] = ['cifar10', 'bloodcells'];
/** Of the recipe: each draws its weights, views and labels. The cells, where pretrainings differ more, have more of them. */
export const SEEDS: Record<Sample, number[]> = { cifar10: [1, 2, 3], bloodcells: [1, 2, 3, 4, 5, 6] };
export const SIDES = ['ours', 'lightly'] as const;
export type Side = (typeof SIDES)[number];
export const SCORES = ['knn', 'probe', 'finetuned'] as const;
export type ScoreName = (typeof SCORES)[number];

/** What lightly's side may choose from, by what is trained with it: base of base · batch / 256, and the classifier's share of that. */
export const RATES = {
  probe: [
    { base: 0.1, classifier: 1 },
    { base: 1, classifier: 1 },
  ],
  finetuned: [
    { base: 0.05, classifier: 1 },
    { base: 0.15, classifier: 0.33 }, // ours
  ],
};
/** Raise it when a side gives other figures with the same settings. */
const VERSION = 1;

/** Accuracies on the test images, one a label draw in their order. `rate`: base of the one they were had with, where several were tried. */
export type Scored = { score: ScoreName; fraction: number; rate?: number; accuracies: number[] };
/** `pretraining`: wall-clock seconds; `workers`: loader workers of the peer; `labels`: digest of all label draws. */
export type Measured = { pretraining: number; workers?: number; labels: string; scores: Scored[] };
/** `protocol`: digest of the rules it was measured under; `date`: ISO 8601, when it ended; `seconds`: how long all of it took. */
export type Kept = Measured & {
  sample: Sample;
  seed: number;
  side: Side;
  protocol: string;
  date: string;
  seconds: number;
  machine: Machine;
};

/** One sample: its recipe with the first seed, and the digest of each side's rules. */
export type Plan = { sample: Sample; file: string; sets: string[]; recipe: Recipe; protocols: Record<Side, string> };

/**
 * @param sets     `a.b=c`, over the recipe's
 * @param folders  the same, for where the images lie: no part of the rules
 */
export async function planOf(sample: Sample, variables: Variables, sets: string[] = [], folders: string[] = []): Promise<Plan> {
  const file = `learning-${sample}.yaml`;
  const path = fileURLToPath(new URL(`../recipes/${file}`, import.meta.url));
  const all = [...sets, ...folders];
  const { name, seed, images, ...written } = parse(await readFile(path, 'utf8')) as Written;
  const rules = (of: object) => [VERSION, of, images.size, sets]; // as written, so that a new key of the recipe leaves them as they are
  const protocols = {
    ours: brief(canonicalJson(rules(written))),
    lightly: brief(canonicalJson([...rules(sharedBy(written)), RATES])),
  };
  return { sample, file, sets: all, recipe: await readRecipe(path, variables, all), protocols };
}

type Section = Record<string, unknown>;
type Written = Record<'encoder' | 'views' | 'finetune', Section> & { name: string; seed: number; images: { size: number } };

/**
 * Without what only our side goes by: lightly's crops, shortcuts and colours are torchvision's, its rates `RATES`, its precision float32; its
 * classifier begins as PyTorch's and stands on the encoder, and it distils nothing.
 */
export function sharedBy({ encoder, views, finetune, ...rest }: Omit<Written, 'name' | 'seed' | 'images'>): object {
  const { shortcut: _shortcut, colours: _colours, ...network } = encoder;
  const { crop: _crop, ...changes } = views;
  const { learningRate: _rate, headLearningRateFactor: _factor, classifierInit: _init, fromHeadLayer: _head, ...budget } = finetune;
  const { distill: _distill, compute: _compute, ...shared } = rest as Section;
  return { ...shared, encoder: network, views: changes, finetune: budget };
}

/** Digest of a text, long enough to tell settings apart. */
export const brief = (text: string) => sha256(text).slice(0, 12);

/** @param positions  SHA-256 of the bytes of each draw, as the pipeline stores it; in any order */
export const digestOfDraws = (positions: string[]): string => brief(positions.toSorted().join());

export const keyOf = (sample: Sample, seed: number, side: Side): string => `${sample}, seed ${seed}, ${side}`;

/** What is kept of that side, if it was measured under the rules of the plan. */
export function keptOf(results: Record<string, Kept>, { sample, protocols }: Plan, seed: number, side: Side): Kept | undefined {
  const kept = results[keyOf(sample, seed, side)];
  return kept?.protocol === protocols[side] ? kept : undefined;
}

/** Accuracies by score, fraction and rate, in the order in which they come. */
export function gathered(all: (Omit<Scored, 'accuracies'> & { accuracy: number })[]): Scored[] {
  const scored: Scored[] = [];
  for (const { score, fraction, rate, accuracy } of all) {
    const known = scored.find((one) => one.score === score && one.fraction === fraction && one.rate === rate);
    if (known) known.accuracies.push(accuracy);
    else scored.push({ score, fraction, rate, accuracies: [accuracy] });
  }
  return scored;
}
