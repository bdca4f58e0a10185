/** The report's tables. */
import type { Recipe } from '../contracts/recipe.ts';
import type { ScoreKind } from '../contracts/scores.ts';
import { type Html, html } from './html.ts';
import type { Curve, Evaluation, ReportInput } from './input.ts';
import { accuracyText, count, isShare, type Summary, scoredIn, sharesOf, shareText, summarise } from './summary.ts';

/** What stands above the accuracies of a model: its name, and how it came to be. */
const HEADS: Record<ScoreKind, [name: string, note: string]> = {
  knn: ['neighbours', 'frozen encoder'],
  probe: ['linear probe', 'frozen encoder'],
  smallBaseline: ['small baseline', 'student’s size'],
  baseline: ['baseline', 'no pretraining'],
  classifier: ['classifier', 'fine-tuned'],
  student: ['student', 'distilled'],
};

/** Models by share of the labels: mean ± standard deviation over draws. */
export function accuracyTable({ scores }: Pick<ReportInput, 'scores'>): Html {
  const summaries = summarise(scores);
  const models = scoredIn(scores);
  const heads = models.map((model) => {
    const [name, note] = HEADS[model];
    return html`<th scope="col" class="number"><i class="dot ${model}"></i>${name}<small>${note}</small></th>`;
  });
  const rows = sharesOf(scores).map((share) => {
    const group = summaries.filter((summary) => isShare(summary, share));
    const cells = models.map((model) => {
      const summary = group.find((entry) => entry.model === model);
      return html`<td class="number ${model}">${summary ? spreadCell(summary) : '–'}</td>`;
    });
    const draws = Math.max(...group.map((summary) => summary.draws));
    return html`<tr><th scope="row" class="short">${shareText(share)}</th><td class="number spare">${count(group[0]?.images ?? 0)}</td><td class="number spare">${draws}</td>${cells}</tr>`;
  });
  return html`<div class="scroll"><table class="accuracy">
<thead><tr><th scope="col">labels used</th><th scope="col" class="number spare">images</th><th scope="col" class="number spare">draws</th>${heads}</tr></thead>
<tbody>${rows}</tbody></table></div>`;
}

/** The deviation below the mean: six models beside each other leave no width for it. */
function spreadCell({ mean, sd }: Summary): Html {
  return html`${accuracyText(mean)}${sd === undefined ? undefined : html`<small>± ${(100 * sd).toFixed(1)}</small>`}`;
}

/** Classes above which a matrix is no picture any more: the most frequent mistakes are listed instead. */
const MATRIX_CLASSES = 30;

/** Rows: what the image is; columns: what the model says. Shade: share of the row. */
export function confusionTable({ confusion }: Evaluation, classes: string[]): Html {
  if (classes.length > MATRIX_CLASSES) return frequentMistakes(confusion, classes);
  const head = classes.map((name) => html`<th scope="col" class="turned"><span>${name}</span></th>`);
  const rows = confusion.map((row, t) => {
    const total = row.reduce((sum, value) => sum + value, 0);
    const cells = row.map((value, p) => {
      const share = total > 0 ? value / total : 0;
      const title = `${count(value)} of ${count(total)} images of ${classes[t] ?? t} were called ${classes[p] ?? p}`;
      const kind = t === p ? 'right' : 'wrong';
      return html`<td class="cell ${kind}${share > 0.55 ? ' strong' : ''}" style="--share:${share.toFixed(3)}" title="${title}">${value === 0 ? '' : count(value)}</td>`;
    });
    return html`<tr><th scope="row">${classes[t] ?? String(t)}</th>${cells}</tr>`;
  });
  return html`<div class="scroll"><table class="confusion"><thead><tr><th class="corner"><small>is ↓ &nbsp; called →</small></th>${head}</tr></thead><tbody>${rows}</tbody></table></div>`;
}

function frequentMistakes(confusion: number[][], classes: string[]): Html {
  const pairs = confusion.flatMap((row, t) => row.map((value, p) => ({ t, p, value })).filter(({ t, p, value }) => t !== p && value > 0));
  const rows = pairs
    .sort((a, b) => b.value - a.value)
    .slice(0, 20)
    .map(
      ({ t, p, value }) =>
        html`<tr><th scope="row">${classes[t] ?? String(t)}</th><td>${classes[p] ?? String(p)}</td><td class="number">${count(value)}</td></tr>`,
    );
  return html`<p>${classes.length} classes; the most frequent mistakes:</p>
<div class="scroll"><table><thead><tr><th scope="col">is</th><th scope="col">called</th><th scope="col" class="number">images</th></tr></thead><tbody>${rows}</tbody></table></div>`;
}

/** Undefined when the classes were not measured one by one. */
export function classTable({ byClass }: Evaluation, classes: string[]): Html | undefined {
  if (!byClass) return undefined;
  const names = ['test images', 'found', 'right when named', 'F1', 'AUC'];
  const kind = (column: number) => (names[column] === 'F1' ? 'number spare' : 'number');
  const heads = names.map((name, column) => html`<th scope="col" class="${kind(column)}">${name}</th>`);
  const rows = byClass.map(({ images, recall, precision, f1, auc }, c) => {
    const cells = [count(images), accuracyText(recall), accuracyText(precision), accuracyText(f1), auc?.toFixed(3) ?? '–'];
    const numbers = cells.map((text, column) => html`<td class="${kind(column)}">${text}</td>`);
    return html`<tr><th scope="row">${classes[c] ?? String(c)}</th>${numbers}<td class="wide">${bar(recall ?? 0)}</td></tr>`;
  });
  const table = html`<div class="scroll"><table class="classes"><thead><tr><th scope="col">class</th>${heads}<th class="wide"></th></tr></thead><tbody>${rows}</tbody></table></div>`;
  return classes.length > MATRIX_CLASSES ? html`<details><summary>All ${classes.length} classes</summary>${table}</details>` : table;
}

function bar(share: number): Html {
  return html`<span class="bar"><span style="width:${(100 * share).toFixed(1)}%"></span></span>`;
}

/** Learning rates tried for baselines, the one that won marked. Undefined when none was tried. */
export function rateTable(rates: NonNullable<ReportInput['rates']>): Html | undefined {
  if (rates.length === 0) return undefined;
  const rows = rates.map((rate) => {
    const { small, draw, base, tried } = rate;
    const cells = tried.map((one) => {
      const text = `${one.base}: ${one.accuracy === undefined ? 'diverged' : accuracyText(one.accuracy)}`;
      return html`<td class="number">${one.base === base ? html`<b>${text}</b>` : text}</td>`;
    });
    const name = `${HEADS[small ? 'smallBaseline' : 'baseline'][0]}, ${shareText(rate)}`;
    return html`<tr><th scope="row" class="short">${name}</th><td class="number">${draw + 1}</td>${cells}</tr>`;
  });
  const most = Math.max(...rates.map(({ tried }) => tried.length));
  return html`<h3>Learning rates tried for the baseline, and how many of the labels held out each got right</h3>
<div class="scroll"><table><thead><tr><th scope="col">labels used</th><th scope="col" class="number">draw</th><th scope="col" class="number" colspan="${most}">learningRate.base; the one used is bold</th></tr></thead><tbody>${rows}</tbody></table></div>`;
}

/** Of trainings that might stop early, the epoch whose weights were kept. Undefined when there is none. */
export function stoppedTable(curves: Curve[], { classWeights }: Recipe['finetune']): Html | undefined {
  const rows = curves.flatMap((curve) => {
    if (!curve.best || curve.stage === 'representation') return [];
    const cells = [curve.draw + 1, curve.best.epoch, curve.best.of].map(count);
    const numbers = [...cells, accuracyText(curve.best.heldOut)].map((text) => html`<td class="number">${text}</td>`);
    return [html`<tr><th scope="row" class="short">${HEADS[curve.stage][0]}, ${shareText(curve)}</th>${numbers}</tr>`];
  });
  if (rows.length === 0) return undefined;
  const judgedBy = classWeights === 'balanced' ? 'balanced accuracy on the labels held out' : 'right of the labels held out';
  const heads = ['draw', 'best epoch', 'of', judgedBy].map((text) => html`<th scope="col" class="number">${text}</th>`);
  return html`<p class="quiet">Early stopping: the weights of the best epoch were kept.</p>
<div class="scroll"><table><thead><tr><th scope="col">trained on</th>${heads}</tr></thead><tbody>${rows}</tbody></table></div>`;
}

export function setAsideTable({ setAside }: Pick<ReportInput, 'setAside'>): Html | undefined {
  if (setAside.count === 0) return undefined;
  const rows = setAside.examples.map(({ image, reason }) => html`<tr><td class="path">${image}</td><td>${reason}</td></tr>`);
  const more = setAside.count - setAside.examples.length;
  return html`<p>${count(setAside.count)} ${setAside.count === 1 ? 'image' : 'images'} could not be read and ${setAside.count === 1 ? 'was' : 'were'} left out.</p>
<div class="scroll"><table><thead><tr><th scope="col">image</th><th scope="col">reason</th></tr></thead><tbody>${rows}</tbody></table></div>
${more > 0 ? html`<p class="quiet">… and ${count(more)} more</p>` : undefined}`;
}
