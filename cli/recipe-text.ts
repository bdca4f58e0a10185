/** A recipe with comments, for a person to read and change. */
import { percent } from '../report/summary.ts';
import type { Survey } from './survey.ts';
import { printable } from './terminal.ts';

export type RecipeFacts = Survey & { name: string /** A path as it is written into the recipe. */; path(target: string): string };

/** YAML of a recipe fit for these images. */
export function recipeText({ name, path, ...found }: RecipeFacts): string {
  const { train, csv, test, unlabelled, classes, labelled, side } = found;
  const quoted = (target: string) => printable(JSON.stringify(path(target))); // in YAML it is the same text
  const trainLines = csv ? ['  train:', `    folder: ${quoted(train)}`, `    labels: ${quoted(csv)}`] : [`  train: ${quoted(train)}`];
  const size = sizeFor(side);
  const fractions = fractionsFor(labelled, found.smallest);
  return `# ${name}: ${labelled} labelled images of ${classes.length} classes: ${printable(shortened(classes))}
#
#   npx fewlabels check ${name}.yaml   what would run, and how long it may take
#   npx fewlabels run ${name}.yaml     the same command again goes on where it was
#
# Paths are relative to this file. Keys that are left out have defaults; the report shows them all.
name: ${name}

images:
${trainLines.join('\n')}
${test ? `  test: ${quoted(test)}` : noted('  testFraction: 0.2', 'no test set was found: a fifth of each class is split off and never learnt from')}
${unlabelled ? `  unlabelled: [${quoted(unlabelled)}]` : noted('  # unlabelled: [more/images]', 'images without labels: the more, the better the representation')}
${noted(`  size: ${size}`, `pixels; ${side ? `yours are about ${side}. ` : ''}Twice the size takes four times as long`)}

labels:
${noted(`  fractions: [${fractions.join(', ')}]`, `shares of your labels to try: ${fractions.map(percent).join(', ')}`)}
${noted('  draws: 3', 'each share is drawn three times, to see how much luck is in it')}

encoder:
${noted('  width: 0.25', 'of a ResNet-18; 1 is better and sixteen times slower, for a GPU')}

views:
${noted('  jitter: 0.5', 'how much colour may change; 0.2 where colour tells your classes apart')}

pretrain:
${noted(`  epochs: ${epochsFor(labelled)}`, 'passes over all images, without labels')}

finetune:
  epochs: 30

distill:
  epochs: 20

seed: 1
`;
}

/** The first dozen of some names. */
export function shortened(names: string[]): string {
  return names.slice(0, 12).join(', ') + (names.length > 12 ? `, and ${names.length - 12} more` : '');
}

const COMMENT_COLUMN = 32;
const noted = (line: string, note: string) => `${line.padEnd(COMMENT_COLUMN - 1)} # ${note}`;

/** Small images stay as they are; of larger ones a first run sees a reduced form. */
export function sizeFor(side: number | undefined): number {
  if (side === undefined || side <= 48) return 32;
  return side <= 96 ? 48 : 64;
}

/** Shares that leave each class a few images: the smallest such ones, and all. */
export function fractionsFor(labelled: number, smallest: number): number[] {
  const enough = [0.01, 0.05, 0.1, 0.25, 0.5].filter((fraction) => fraction * smallest >= 4 && fraction * labelled >= 20);
  return [...enough.slice(0, 2), 1];
}

/** About 200,000 image passes: half an hour or so on a small machine. */
export function epochsFor(images: number): number {
  return Math.min(200, Math.max(20, Math.round(200_000 / Math.max(1, images) / 10) * 10));
}
