/** Plots as SVG text, made by Vega without a browser. Colours of text and lines follow the page (`currentColor`). */
import * as vega from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import type { CurvePoint } from '../contracts/progress.ts';
import { Html } from './html.ts';
import type { Curve, ReportInput } from './input.ts';
import { MODELS, mean, sharesOf, shareText, summarise } from './summary.ts';

/** Readable on white and on near-black, told apart by the colour-blind (Okabe and Ito), the same as in the page's style. */
export const COLOURS = { baseline: '#8a8f98', classifier: '#0072b2', student: '#d55e00', representation: '#009e73' } as const;

const CONFIG: TopLevelSpec['config'] = {
  background: 'transparent',
  font: 'system-ui, sans-serif',
  view: { stroke: 'transparent' },
  axis: {
    labelColor: 'currentColor',
    titleColor: 'currentColor',
    gridColor: 'currentColor',
    gridOpacity: 0.12,
    domainColor: 'currentColor',
    tickColor: 'currentColor',
    labelFontSize: 13,
    titleFontSize: 13,
    titleFontWeight: 'normal',
    domainOpacity: 0.4,
    tickOpacity: 0.4,
  },
  legend: {
    labelColor: 'currentColor',
    titleColor: 'currentColor',
    labelFontSize: 13,
    symbolOpacity: 1,
    orient: 'top',
    title: null,
    symbolStrokeWidth: 3,
  },
};
const SIZE = { width: 540, height: 260 };
const colour = { field: 'model', type: 'nominal' as const, scale: { domain: MODELS, range: MODELS.map((model) => COLOURS[model]) } };

/**
 * Accuracy over the number of labelled images, on a logarithmic axis. Undefined with fewer than two shares of the labels, or two of one
 * size: there is no line to draw.
 */
export async function accuracyPlot({ scores }: Pick<ReportInput, 'scores'>): Promise<Html | undefined> {
  const summaries = summarise(scores).filter(({ model }) => MODELS.some((kind) => kind === model));
  const names = new Map(summaries.map((summary) => [summary.images, shareText(summary)]));
  if (names.size < 2 || names.size < sharesOf(scores).length) return undefined;
  const values = summaries.map(({ model, images, mean: centre, sd = 0 }) => {
    return { model, images, accuracy: 100 * centre, low: 100 * (centre - sd), high: 100 * (centre + sd) };
  });
  const labels = `${JSON.stringify(Object.fromEntries(names))}[datum.value]`;
  return svg({
    ...SIZE,
    data: { values },
    encoding: {
      x: {
        field: 'images',
        type: 'quantitative',
        scale: { type: 'log', nice: false, padding: 24 },
        axis: { title: 'labels used (logarithmic)', values: [...names.keys()], labelExpr: labels, grid: false },
      },
      color: colour,
    },
    layer: [
      {
        mark: { type: 'rule', strokeWidth: 2, opacity: 0.5 },
        encoding: {
          y: { field: 'low', type: 'quantitative', scale: { zero: false }, title: 'right on the test images, %' },
          y2: { field: 'high' },
        },
      },
      {
        mark: { type: 'line', strokeWidth: 2.5, point: { size: 60, filled: true } },
        encoding: { y: { field: 'accuracy', type: 'quantitative' } },
      },
    ],
  });
}

/** Loss over epochs, one line a training. Undefined when there is nothing to draw. */
export async function curvePlot(curves: Curve[]): Promise<Html | undefined> {
  const values = curves.flatMap(({ points, ...training }) =>
    thin(points).map(({ epoch, loss }) => ({ model: training.stage, line: JSON.stringify(training), epoch, loss })),
  );
  if (values.length < 2) return undefined;
  const stages = [...new Set(values.map(({ model }) => model))];
  const scale = { domain: stages, range: stages.map((stage) => COLOURS[stage]) };
  return svg({
    ...SIZE,
    height: 200,
    data: { values },
    mark: { type: 'line', strokeWidth: curves.length > 6 ? 1.2 : 2, opacity: curves.length > 6 ? 0.6 : 0.9 },
    encoding: {
      x: { field: 'epoch', type: 'quantitative', title: 'epoch', scale: { nice: false }, axis: { grid: false } },
      y: { field: 'loss', type: 'quantitative', title: 'loss', scale: { zero: false } },
      color: { field: 'model', type: 'nominal', scale, ...(stages.length < 2 ? { legend: null } : {}) },
      detail: { field: 'line', type: 'nominal' },
    },
  });
}

/** What neighbours and a linear probe made of the features over the epochs. Undefined with fewer than two looks. */
export async function reviewPlot(points: CurvePoint[]): Promise<Html | undefined> {
  const names = { knn: 'neighbours', probe: 'linear probe' };
  const values = points.flatMap(({ epoch, review = {} }) =>
    (['knn', 'probe'] as const).map((kind) => ({ by: names[kind], epoch, right: 100 * (review[kind] ?? Number.NaN) })),
  );
  if (points.length < 2) return undefined;
  const scale = { domain: Object.values(names), range: [COLOURS.representation, COLOURS.student] };
  return svg({
    ...SIZE,
    height: 160,
    data: { values: values.filter(({ right }) => Number.isFinite(right)) },
    mark: { type: 'line', strokeWidth: 2, point: true },
    encoding: {
      x: { field: 'epoch', type: 'quantitative', title: 'epoch', scale: { nice: false }, axis: { grid: false } },
      y: { field: 'right', type: 'quantitative', title: 'right, %', scale: { zero: false } },
      color: { field: 'by', type: 'nominal', scale },
    },
  });
}

const POINTS = 200;

/** At most 200 points, each the mean of its neighbours, so that a long training does not make a long page. Losses that are no numbers are left out. */
export function thin(points: CurvePoint[]): { epoch: number; loss: number }[] {
  const finite = points.filter(({ loss }) => Number.isFinite(loss));
  const width = Math.max(1, Math.ceil(finite.length / POINTS));
  return Array.from({ length: Math.ceil(finite.length / width) }, (_, i) => {
    const group = finite.slice(i * width, (i + 1) * width);
    return { epoch: mean(group.map(({ epoch }) => epoch)), loss: mean(group.map(({ loss }) => loss)) };
  });
}

async function svg(spec: TopLevelSpec): Promise<Html> {
  const full = { ...spec, autosize: { type: 'fit', contains: 'padding' }, config: CONFIG } as TopLevelSpec;
  const view = new vega.View(vega.parse(compile(full).spec), { renderer: 'none' });
  const text = await view.toSVG();
  view.finalize();
  return new Html(
    text.replace(/<svg [^>]*?(viewBox="[^"]*")[^>]*>/, '<svg class="plot" role="img" xmlns="http://www.w3.org/2000/svg" $1>'),
  );
}
