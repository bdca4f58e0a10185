/** What the models are worth besides how many answers are right, at each share of the labels. */
import type { LabelShare } from '../contracts/recipe.ts';
import type { Interval, Measures, Score } from '../contracts/scores.ts';
import { type Html, html } from './html.ts';
import type { ReportInput } from './input.ts';
import { accuracyText, count, deviation, isShare, labelsText, MODELS, mean, pointsText, sharesOf } from './summary.ts';

type Measured = Score & { measures: Measures };
/**
 * A measure and what it says, to people who know their images and not our methods. `range` is what one draw by itself says of how far its value
 * can be trusted, and `ofRange` what that is; of several draws the deviation stands in its place.
 */
type Row = {
  name: string;
  note?: string;
  ofRange?: string;
  value(score: Measured): number | undefined;
  text(value: number): string;
  /** Of a deviation; as `text` where it is missing. */
  spread?(deviation: number): string;
  range?(score: Measured): string | undefined;
};

const decimals = (value: number) => value.toFixed(3);
const points = (share: number) => (100 * share).toFixed(1);
const rangeText = ([low, high]: Interval) => `${(100 * low).toFixed(1)}–${accuracyText(high)}`;

function rowsOf(classes: number): Row[] {
  return [
    {
      name: 'right',
      ofRange: 'with 95 % interval',
      value: ({ accuracy }) => accuracy,
      text: accuracyText,
      spread: points,
      range: ({ measures }) => rangeText(measures.interval),
    },
    {
      name: 'points above the baseline',
      ofRange: 'beyond chance where the interval leaves out 0',
      value: ({ measures }) => measures.gain?.accuracy,
      text: pointsText,
      spread: points,
      range: ({ measures }) => measures.gain?.interval.map(pointsText).join(' to '),
    },
    {
      name: 'balanced accuracy',
      note: 'every class counts the same',
      value: ({ measures }) => measures.balancedAccuracy,
      text: accuracyText,
      spread: points,
      range: ({ measures: { balancedInterval } }) => balancedInterval && rangeText(balancedInterval),
    },
    {
      name: 'AUC',
      note: `${classes === 2 ? 'of the second class' : 'mean over the classes'}; 0.5 is guessing, 1 is perfect`,
      value: ({ measures }) => measures.auc,
      text: decimals,
      range: ({ measures: { aucInterval, aucWithin } }) =>
        aucInterval?.map(decimals).join('–') ?? (aucWithin ? `± ${aucWithin.toPrecision(1)}` : undefined),
    },
    {
      name: 'quadratic kappa',
      note: 'of the grades; 0 is chance, 1 is perfect',
      value: ({ measures }) => measures.kappa,
      text: decimals,
    },
    {
      name: 'among the first five',
      note: 'classes, the likeliest first',
      value: ({ measures }) => measures.top5,
      text: accuracyText,
      spread: points,
    },
    {
      name: 'calibration error',
      note: 'points; 0 is honest probabilities',
      value: ({ measures }) => measures.calibrationError,
      text: points,
    },
  ];
}

/** Measures by model, a table for each share of the labels, most labels first. Undefined when nothing but accuracy was measured. */
export function measureTables({ scores, classes, recipe }: Pick<ReportInput, 'scores' | 'classes' | 'recipe'>): Html | undefined {
  const measured = scores.flatMap(({ measures, ...score }) => (measures ? [{ ...score, measures }] : []));
  const shares = sharesOf(measured).reverse();
  const [most] = shares;
  if (!most) return undefined;
  const tables = shares.map((share) => measureTable(measured, share, classes.length));
  const grades = html`<p class="quiet">Grades, lowest first: ${classes.join(', ')}.</p>`;
  return html`${tables[0]}${recipe.labels.graded ? grades : undefined}${honesty(measured, most, recipe.labels.calibration)}${tables.slice(1)}`;
}

function measureTable(measured: Measured[], share: LabelShare, classes: number): Html {
  const of = measured.filter((score) => isShare(score, share));
  const models = MODELS.map((model) => ({ model, draws: of.filter((score) => score.model === model) })).filter(
    ({ draws }) => draws.length > 0,
  );
  const most = Math.max(...models.map(({ draws }) => draws.length));
  const shown = rowsOf(classes).flatMap((row) => {
    const cells = models.map(({ draws }) => cellOf(row, draws));
    if (cells.every((found) => found === undefined)) return [];
    const texts = cells.map(
      (found) => html`<td class="number">${found?.text ?? '–'}${found?.small && html`<small>${found.small}</small>`}</td>`,
    );
    const note = row.note ?? (most > 1 ? undefined : row.ofRange);
    return [html`<tr><th scope="row">${row.name}${note && html`<small>${note}</small>`}</th>${texts}</tr>`];
  });
  const heads = models.map(({ model }) => html`<th scope="col" class="number"><i class="dot ${model}"></i>${model}</th>`);
  return html`<h3>In detail, with ${labelsText(share)}${most > 1 ? `: mean of ${most} draws ± standard deviation` : ''}</h3>
<div class="scroll"><table class="measures"><thead><tr><th></th>${heads}</tr></thead><tbody>${shown}</tbody></table></div>`;
}

/** Of one model, at one share of the labels. Undefined where it has no such measure. */
function cellOf({ value, text, spread = text, range }: Row, draws: Measured[]): { text: string; small?: string } | undefined {
  const values = draws.flatMap((draw) => value(draw) ?? []);
  const [first] = draws;
  if (values.length === 0 || !first) return undefined;
  const sd = deviation(values);
  return { text: text(mean(values)), small: sd === undefined ? range?.(first) : `± ${spread(sd)}` };
}

/** How far the probabilities of the student to take away (first draw) can be believed, and what was done for that. */
function honesty(measured: Measured[], share: LabelShare, calibration: number): Html | undefined {
  const student = measured.find((score) => score.model === 'student' && isShare(score, share) && score.draw === 0);
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
