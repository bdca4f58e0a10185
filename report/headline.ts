/** The report in words: what a person who knows her images, and not our methods, wants to know first. */
import type { LabelShare } from '../contracts/recipe.ts';
import type { ReportInput } from './input.ts';
import { accuracyText, count, isShare, labelsText, type Summary, sharesOf, shareText, summarise } from './summary.ts';

/** The first sentences of the report, most important first. */
export function headline(input: Pick<ReportInput, 'scores'>): string[] {
  const shares = sharesOf(input.scores);
  const first = shares[0];
  const last = shares.at(-1);
  if (first === undefined || last === undefined) return ['No model was scored.'];
  const summaries = summarise(input.scores);
  return first === last ? [sentenceFor(summaries, first)] : [sentenceFor(summaries, first), sentenceFor(summaries, last)];
}

function sentenceFor(summaries: Summary[], share: LabelShare): string {
  const of = (model: Summary['model']) => summaries.find((summary) => isShare(summary, share) && summary.model === model);
  const classifier = of('classifier');
  const baseline = of('baseline');
  const student = of('student');
  const any = classifier ?? baseline ?? student;
  if (!any) return '';
  const labels = `With ${labelsText(share)} (${count(any.images)} images)`;
  const parts = [
    classifier && `the classifier is right on ${whole(classifier.mean)} of the test images`,
    baseline && `the same network without pretraining on ${whole(baseline.mean)}`,
    student && `the student on ${whole(student.mean)}`,
  ].filter((part) => part !== undefined);
  return `${labels} ${parts.join('; ')}.`;
}

/** `71 %`; near the ends a decimal is kept, as 99.6 % is not 100 %. */
function whole(share: number): string {
  return share > 0.98 || share < 0.02 ? accuracyText(share) : `${Math.round(100 * share)} %`;
}

/** What the numbers can and cannot bear. */
export function cautions(input: ReportInput): string[] {
  const { test, labelled } = input.images;
  const summaries = summarise(input.scores);
  const centre = summaries.findLast(({ model }) => model === 'student')?.mean ?? 0.5;
  const margin = test > 0 ? 100 * 1.96 * Math.sqrt((centre * (1 - centre)) / test) : 0;
  const lines =
    test > 0
      ? [
          `Measured on ${count(test)} test images, so an accuracy is known to about ± ${margin.toFixed(1)} points (95 % of the time); a smaller difference may be chance.`,
        ]
      : [];
  const guess = largestClassShare(input);
  if (guess) {
    const which = guess.tied ? `Always answering the same class` : `Always answering “${guess.name}”, the most frequent class,`;
    lines.push(`${which} would be right on ${accuracyText(guess.share)}.`);
  }
  if (summaries.some(({ draws }) => draws > 1))
    lines.push('“±” is the standard deviation over label draws: other labelled images, same network.');
  else if (summaries.some((summary) => isDrawn(summary) && summary.images < labelled))
    lines.push(
      'Each share of the labels is one draw of labels; another draw would give other numbers. Set labels.draws to see by how much.',
    );
  const all = summaries.filter((summary) => isDrawn(summary) && summary.images >= labelled).map(shareText);
  if (all.length > 0) lines.push(`${[...new Set(all)].join(', ')}: all labels there are, hence one draw.`);
  return lines;
}

/** A share that could be drawn in more than one way, were there labels enough. */
const isDrawn = (share: LabelShare) => 'perClass' in share || ('fraction' in share && share.fraction < 1);

function largestClassShare({ evaluations, classes }: ReportInput): { name: string; share: number; tied: boolean } | undefined {
  const sizes = evaluations[0]?.confusion.map((row) => row.reduce((sum, value) => sum + value, 0)) ?? [];
  const total = sizes.reduce((sum, value) => sum + value, 0);
  const largest = Math.max(...sizes);
  if (total === 0) return undefined;
  return { name: classes[sizes.indexOf(largest)] ?? '', share: largest / total, tied: sizes.every((size) => size === largest) };
}
