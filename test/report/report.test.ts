import { expect, test } from 'vitest';
import { cautions, headline } from '../../report/headline.ts';
import { escaped, html } from '../../report/html.ts';
import { thin } from '../../report/plots.ts';
import { mostDetailed, renderReport } from '../../report/report.ts';
import { deviation, spreadText, summarise } from '../../report/summary.ts';
import { classScores } from '../../report/tables.ts';
import { HOSTILE, sampleInput } from './sample.ts';

test('summarise: mean and sample standard deviation over the draws', () => {
  // Of 0.70, 0.71, 0.72: mean 0.71, deviations ±0.01, so sd = √(2·0.0001 / 2) = 0.01.
  const [, classifier] = summarise(sampleInput().scores);
  expect(classifier).toMatchObject({ model: 'classifier', fraction: 0.05, draws: 3, images: 150 });
  expect([classifier?.mean, classifier?.sd]).toEqual([expect.closeTo(0.71, 10), expect.closeTo(0.01, 10)]);
  expect(spreadText({ model: 'student', fraction: 1, draws: 3, images: 1, mean: 0.71, sd: 0.01 })).toBe('71.0 ± 1.0 %');
});

test('deviation: one draw has none', () => {
  expect(deviation([0.5])).toBeUndefined();
});

test('headline: a sentence for the smallest fraction, then one for the largest', () => {
  expect(headline(sampleInput())).toEqual([
    'With 5 % of the labels (150 images) the classifier is right on 71 % of the test images; the same network without pretraining on 52 %; the student on 71 %.',
    'With all labels (3,000 images) the classifier is right on 88 % of the test images; the same network without pretraining on 87 %; the student on 88 %.',
  ]);
});

test('cautions: how far the number of test images carries', () => {
  // 1.96·√(0.88·0.12 / 600) = 2.6 points.
  expect(cautions(sampleInput())[0]).toContain('± 2.6 points');
});

test('classScores: found and right when named, from a matrix of counts', () => {
  const [first, second] = classScores(
    {
      confusion: [
        [8, 2],
        [4, 6],
      ],
    },
    ['a', 'b'],
  );
  expect(first).toEqual({ name: 'a', images: 10, recall: 0.8, precision: 8 / 12 });
  expect(second).toEqual({ name: 'b', images: 10, recall: 0.6, precision: 6 / 8 });
});

test('mostDetailed: the student at the largest fraction, first draw', () => {
  const entry = (model: 'student' | 'baseline', fraction: number, draw: number) => ({ model, fraction, draw, confusion: [] });
  const chosen = mostDetailed([entry('student', 0.1, 0), entry('student', 0.5, 1), entry('student', 0.5, 0), entry('baseline', 1, 0)]);
  expect(chosen).toEqual(entry('student', 0.5, 0));
});

test('thin: at most 200 points, their mean kept, losses that are no numbers left out', () => {
  const points = Array.from({ length: 1000 }, (_, step) => ({ step, epoch: step, loss: step, learningRate: 0 }));
  const thinned = thin([...points, { step: 1000, epoch: 1000, loss: Number.NaN, learningRate: 0 }]);
  expect(thinned).toHaveLength(200);
  expect(thinned[0]).toEqual({ epoch: 2, loss: 2 }); // mean of 0 … 4
});

test('html: values are escaped in elements and attributes, finished HTML is not escaped again', () => {
  expect(html`<i title="${'"><'}">${[html`<b>${'&'}</b>`, undefined, 1]}</i>`.text).toBe('<i title="&#34;&#62;&#60;"><b>&#38;</b>1</i>');
  expect(escaped('a\u0000b\u202ec')).toBe('a\ufffdbc');
});

test('renderReport: no name, path or reason of the user’s is HTML', async () => {
  const page = await renderReport(sampleInput());
  expect(page).not.toContain(HOSTILE);
  expect(page).not.toMatch(/<img src=x/);
  expect(page).not.toMatch(/javascript:/);
  expect(page).toContain('🦠 monocyte');
  expect(page).toContain('日本語のクラス');
});

test('renderReport: what is missing is left out, not shown empty', async () => {
  const input = {
    ...sampleInput(),
    evaluations: [],
    curves: [],
    examples: [],
    setAside: { count: 0, examples: [] },
    timings: undefined,
    links: undefined,
  };
  const page = await renderReport(input);
  for (const title of ['What the student confuses', 'Class by class', 'Examples', 'How it learnt', 'Images set aside'])
    expect(page).not.toContain(title);
  expect(page).toContain('How good it is');
});

test('renderReport: a hundred classes give a list of mistakes instead of a matrix', async () => {
  const classes = Array.from({ length: 100 }, (_, c) => `class-${c}`);
  const confusion = classes.map((_, t) => classes.map((__, p) => (t === p ? 9 : p === t + 1 ? 1 : 0)));
  const page = await renderReport({
    ...sampleInput(),
    classes,
    examples: [],
    evaluations: [{ model: 'student', fraction: 1, draw: 0, confusion }],
  });
  expect(page).not.toContain('class="confusion"');
  expect(page).toContain('100 classes; the most frequent mistakes');
});

test('renderReport: pixels that are neither a data URI nor RGB bytes are refused', async () => {
  const render = (pixels: string | Uint8Array) =>
    renderReport({ ...sampleInput(), examples: sampleInput().examples.map((example) => ({ ...example, pixels })) });
  await expect(render('data:image/svg+xml;base64,AAAA')).rejects.toThrow(/data URI or RGB bytes/);
  await expect(render(new Uint8Array(5))).rejects.toThrow(/RGB \[32,32,3\]: 5 bytes/);
});
