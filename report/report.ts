/** scores + curves + examples → one HTML page. */
import { stringify } from 'yaml';
import type { Machine } from '../contracts/trainer.ts';
import { exampleGalleries } from './examples.ts';
import { cautions, headline } from './headline.ts';
import { type Html, html } from './html.ts';
import type { Curve, Evaluation, ReportInput } from './input.ts';
import { measureTables } from './measures.ts';
import { page } from './page.ts';
import { accuracyPlot, curvePlot, reviewPlot } from './plots.ts';
import { accuracyText, count, duration, labelsText } from './summary.ts';
import { accuracyTable, classTable, confusionTable, rateTable, setAsideTable, stoppedTable } from './tables.ts';

export type { Curve, Evaluation, Example, ReportInput } from './input.ts';

/**
 * The report of a run: self-contained HTML (UTF-8), without scripts and without requests. Everything in `input` may come from
 * strangers (class names, paths) and is escaped.
 * @throws Error when an example's pixels are neither a data URI nor [size, size, 3] bytes
 */
export async function renderReport(input: ReportInput): Promise<string> {
  const detailed = mostDetailed(input.evaluations);
  const sections = [
    opening(input),
    section('How good it is', html`${accuracyTable(input)}${await accuracyPlot(input)}${measureTables(input)}`),
    detailed && section(`What the student confuses, with ${labelsText(detailed)}`, confusionTable(detailed, input.classes)),
    detailed && section('Class by class', classTable(detailed, input.classes)),
    section('Examples from the test set', await exampleGalleries(input)),
    section('How it learnt', await learning(input)),
    section('Images set aside', setAsideTable(input)),
    section('How it was made', making(input)),
  ];
  return page(`${input.recipe.name}: report`, html`${sections}`);
}

function opening(input: ReportInput): Html {
  const { images, classes, recipe, warning, notes = [] } = input;
  const facts: [string, string][] = [
    ['images to learn from', count(images.pool)],
    ['with a label', count(images.labelled)],
    ['test images', count(images.test)],
    ['classes', count(classes.length)],
    ['size', `${images.size} px`],
  ];
  return html`<header><p class="run">${input.run}${input.date ? ` · ${input.date.slice(0, 16).replace('T', ' ')} UTC` : ''}</p><h1>${recipe.name}</h1>
${headline(input).map((sentence, i) => html`<p class="${i === 0 ? 'lead' : ''}">${sentence.replaceAll(' %', '\u00a0%')}</p>`)}
<dl class="facts">${facts.map(([term, value]) => html`<div><dt>${term}</dt><dd>${value}</dd></div>`)}</dl>
<ul class="cautions">${[...(warning ? [warning] : []), ...notes]
    .map((line) => `${line}.`)
    .concat(cautions(input))
    .map((line) => html`<li>${line}</li>`)}</ul></header>`;
}

/** The student with the most labels, first draw; another model when there is no student. */
export function mostDetailed(evaluations: Evaluation[]): Evaluation | undefined {
  const students = evaluations.filter(({ model }) => model === 'student');
  return (students.length > 0 ? students : evaluations).findLast(({ draw }) => draw === 0);
}

async function learning({ curves, recipe, rates = [] }: ReportInput): Promise<Html | undefined> {
  const groups: [string, (typeof curves)[number]['stage'][]][] = [
    ['Representation: two views of one image should look alike (no labels)', ['representation']],
    ['Baseline and classifier: the labelled images', ['baseline', 'classifier']],
    ['Student: imitating the classifier (no labels)', ['student']],
  ];
  const plots = await Promise.all(
    groups.map(async ([title, stages]) => {
      const shown = curves.filter(({ stage }) => stages.includes(stage));
      const plot = await curvePlot(shown);
      return (
        plot && html`<h3>${title}</h3>${plot}${shown.map(embeddingsText)}${await reviewsOf(shown)}${stoppedTable(shown, recipe.finetune)}`
      );
    }),
  );
  return plots.some((plot) => plot !== undefined) ? html`${plots}${rateTable(rates)}` : undefined;
}

/** What pretraining measured of its embeddings in the end; nothing for other trainings. */
function embeddingsText({ points }: Curve): Html | undefined {
  const { accuracy, entropy, deviation } = points.at(-1) ?? {};
  if (accuracy === undefined || entropy === undefined || deviation === undefined) return undefined;
  const found = `In the end ${accuracyText(accuracy)} of the first views were nearest to their own second view among those of their batch`;
  return html`<p class="quiet">${found}; the entropy of that choice was ${entropy.toFixed(2)} nats, the deviation of the embeddings ${deviation.toFixed(3)} (0 where all are alike).</p>`;
}

/** What its features were worth while a representation was learnt; nothing where nobody looked. */
async function reviewsOf(curves: Curve[]): Promise<Html | undefined> {
  const points = curves.flatMap(({ points }) => points.filter(({ review }) => review?.knn !== undefined));
  const last = points.at(-1);
  if (!last) return undefined;
  const { knn, probe } = last.review ?? {};
  const found = `After ${count(last.epoch)} epochs nearest neighbours were right on ${accuracyText(knn)} and a linear probe on ${accuracyText(probe)}`;
  return html`${await reviewPlot(points)}<p class="quiet">${found} of labelled images of the pool, held out from those that the two learn from. Pretraining took no notice of it.</p>`;
}

function making(input: ReportInput): Html {
  const timings = (input.timings ?? []).map(
    ({ stage, seconds }) => html`<tr><th scope="row">${stage}</th><td class="number">${duration(seconds)}</td></tr>`,
  );
  const artifacts = (input.artifacts ?? []).map(
    ({ stage, what, key, digest }) =>
      html`<tr><th scope="row">${stage}</th><td>${what}</td><td class="hash">${key}</td><td class="hash">${digest.slice(0, 16)}</td></tr>`,
  );
  const made = Object.entries(input.made ?? {}).map(
    ([name, value]) => html`<tr><th scope="row">${name}</th><td>${typeof value === 'string' ? value : JSON.stringify(value)}</td></tr>`,
  );
  const links = (input.links ?? [])
    .filter(({ href }) => /^https?:\/\//.test(href))
    .map(({ text, href }) => html`<li><a href="${href}">${text}</a></li>`);
  return html`<p>An encoder learnt from all ${count(input.images.pool)} images without their labels (SimCLRv2); it was then fine-tuned on the labelled share, and a student learnt from the
fine-tuned classifier’s answers. The baseline is the same network, trained from nothing on the same labelled images; the small one, where there is one, has the student’s size. Neighbours and linear probe say what the encoder is worth as it stands: the 200
labelled images whose features are most alike vote (weights exp(cos / 0.1)), or a linear layer learns from the features. The test images took part in none of this.</p>
${links.length > 0 ? html`<ul>${links}</ul>` : undefined}
${timings.length > 0 ? html`<h3>Time</h3><div class="scroll"><table><tbody>${timings}</tbody></table></div>` : undefined}
${made.length > 0 ? html`<h3>Made with</h3><div class="scroll"><table><tbody>${made}</tbody></table></div>` : undefined}
${machinesText(input.machines)}
<h3>Recipe, with every default</h3><pre>${stringify(input.recipe, { lineWidth: 0 })}</pre>
${artifacts.length > 0 ? html`<details><summary>Artifacts (${artifacts.length})</summary><div class="scroll"><table><thead><tr><th>stage</th><th>what</th><th>key</th><th>digest</th></tr></thead><tbody>${artifacts}</tbody></table></div></details>` : undefined}`;
}

/** Nothing where pretraining was on one kind of machine only: then the same recipe gives the same bits on it. */
function machinesText(machines: Machine[] = []): Html | undefined {
  if (machines.length < 2) return undefined;
  const places = machines.map(({ from, processor, device, threads, precision, tensorflow }) => {
    const on = `on ${processor} (${device}, ${threads} threads, ${precision}, TensorFlow ${tensorflow})`;
    return from === 0 ? on : `from step ${count(from)} ${on}`;
  });
  return html`<p>The representation was trained ${places.join(', ')}.</p>`;
}

function section(title: string, body: Html | undefined): Html | undefined {
  return body && html`<section><h2>${title}</h2>${body}</section>`;
}
