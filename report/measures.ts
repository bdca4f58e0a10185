/** What the models are worth besides how many answers are right: with the most labels, first label draw. */
import type { Interval, Measures, Score } from '../contracts/scores.ts';
import { type Html, html } from './html.ts';
import type { ReportInput } from './input.ts';
import { accuracyText, count, isShare, labelsText, MODELS, pointsText, sharesOf } from './summary.ts';

type Measured = Score & { measures: Measures };
/** A measure and what it says, to people who know their images and not our methods. A cell is undefined where a model has none. */
type Row = { name: string; note: string; cell(score: Measured): Cell | undefined };
type Cell = { text: string; small?: string };

const decimals = (value: number | undefined): Cell | undefined => (value === undefined ? undefined : { text: value.toFixed(3) });
const rangeText = ([low, high]: Interval) => `${(100 * low).toFixed(1)}–${accuracyText(high)}`;
const shares = (value: number | undefined): Cell | undefined => (value === undefined ? undefined : { text: accuracyText(value) });

function rows(classes: number): Row[] {
  return [
    {
      name: 'right',
      note: 'with 95 % interval',
      cell: ({ accuracy, measures: { interval } }) => ({
        text: accuracyText(accuracy),
        small: rangeText(interval),
      }),
    },
    {
      name: 'points above the baseline',
      note: 'beyond chance where the interval leaves out 0',
      cell: ({ measures: { gain } }) => gain && { text: pointsText(gain.accuracy), small: gain.interval.map(pointsText).join(' to ') },
    },
    {
      name: 'balanced accuracy',
      note: 'every class counts the same',
      cell: ({ measures: { balancedAccuracy, balancedInterval } }) =>
        balancedAccuracy === undefined
          ? undefined
          : { text: accuracyText(balancedAccuracy), small: balancedInterval && rangeText(balancedInterval) },
    },
    {
      name: 'AUC',
      note: `${classes === 2 ? 'of the second class' : 'mean over the classes'}; 0.5 is guessing, 1 is perfect`,
      cell: ({ measures: { auc, aucInterval, aucWithin } }) => {
        const small = aucInterval?.map((end) => end.toFixed(3)).join('–') ?? (aucWithin && `± ${aucWithin.toPrecision(1)}`);
        return auc === undefined ? undefined : { text: auc.toFixed(3), small: small || undefined };
      },
    },
    { name: 'quadratic kappa', note: 'of the grades; 0 is chance, 1 is perfect', cell: ({ measures }) => decimals(measures.kappa) },
    { name: 'among the first five', note: 'classes, the likeliest first', cell: ({ measures }) => shares(measures.top5) },
    {
      name: 'calibration error',
      note: 'points; 0 is honest probabilities',
      cell: ({ measures }) => ({ text: (100 * measures.calibrationError).toFixed(1) }),
    },
  ];
}

/** Measures by model. Undefined when nothing but accuracy was measured. */
export function measureTable(input: Pick<ReportInput, 'scores' | 'classes' | 'recipe'>): Html | undefined {
  const { classes, recipe } = input;
  const scores = detailed(input.scores);
  if (scores.length === 0) return undefined;
  const shown = rows(classes.length).flatMap(({ name, note, cell }) => {
    const cells = scores.map(cell);
    if (cells.every((found) => found === undefined)) return [];
    const texts = cells.map(
      (found) => html`<td class="number">${found?.text ?? '–'}${found?.small && html`<small>${found.small}</small>`}</td>`,
    );
    return [html`<tr><th scope="row">${name}<small>${note}</small></th>${texts}</tr>`];
  });
  const heads = scores.map(({ model }) => html`<th scope="col" class="number"><i class="dot ${model}"></i>${model}</th>`);
  const first = scores[0] as Measured;
  const several = input.scores.some((score) => isShare(score, first) && score.draw !== first.draw);
  return html`<h3>In detail, with ${labelsText(first)}${several ? ', first draw' : ''}</h3>
<div class="scroll"><table class="measures"><thead><tr><th></th>${heads}</tr></thead><tbody>${shown}</tbody></table></div>
${recipe.labels.graded ? html`<p class="quiet">Grades, lowest first: ${classes.join(', ')}.</p>` : undefined}${honesty(scores, recipe.labels.calibration)}`;
}

/** How far the student's probabilities can be believed, and what was done for that. */
function honesty(scores: Measured[], calibration: number): Html | undefined {
  const student = scores.find(({ model }) => model === 'student');
  if (!student) return undefined;
  const { confidence, temperature } = student.measures;
  const scaled =
    temperature &&
    ` Its logits are divided by a temperature of ${temperature.value.toFixed(2)} (95 % interval ${temperature.interval.map((end) => end.toFixed(2)).join('–')}), fitted on ${count(temperature.images)} labelled images kept from training; without, the calibration error would be ${(100 * temperature.before).toFixed(1)} points.`;
  const unscaled =
    calibration > 0 ? ' Too few labels to keep fifty of them for a temperature: these are its probabilities as they come.' : '';
  const sure = `The student gives its answers a probability of ${accuracyText(confidence)} on average, and is right on ${accuracyText(student.accuracy)}.`;
  return html`<p>${`${sure}${scaled ?? unscaled}`.replaceAll(' %', '\u00a0%')}</p>`;
}

function detailed(scores: Score[]): Measured[] {
  const most = sharesOf(scores).at(-1);
  return MODELS.flatMap((model) =>
    scores.filter((score) => score.model === model && most && isShare(score, most) && score.draw === 0),
  ).flatMap(({ measures, ...score }) => (measures ? [{ ...score, measures }] : []));
}
