import { expect, test } from 'vitest';
import { cautions, headline } from '../../report/headline.ts';
import { escaped, html } from '../../report/html.ts';
import type { ReportInput } from '../../report/input.ts';
import { accuracyPlot, thin } from '../../report/plots.ts';
import { mostDetailed, renderReport } from '../../report/report.ts';
import { accuracyText, deviation, pointsText, spreadText, summarise } from '../../report/summary.ts';
import { accuracyTable, setAsideTable } from '../../report/tables.ts';
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

test('renderReport: labels by count are named as such in sentences, tables and plots', async () => {
  const { evaluations, ...input } = sampleInput();
  const scores = [25, 500].map((perClass) => ({ model: 'student' as const, perClass, draw: 0, images: 6 * perClass, accuracy: 0.7 }));
  const counted = evaluations.map(({ model, draw, confusion }) => ({ model, draw, confusion, perClass: 500 }));
  const page = await renderReport({ ...input, scores, evaluations: counted });
  expect(headline({ scores })[0]).toBe('With 25 labels a class (150 images) the student on 70 %.');
  expect(page).toContain('>25 a class</th>');
  expect(page).toContain('>25 a class</text>');
  expect(page).toContain('What the student confuses, with 500 labels a class');
});

test('accuracyTable: measures of the representation have columns where there are scores of them', () => {
  const { scores } = sampleInput();
  const heads = (more: typeof scores) =>
    [...accuracyTable({ scores: [...scores, ...more] }).text.matchAll(/<\/i>([^<]+)</g)].map(([, name]) => name);
  const measured = (['probe', 'knn'] as const).map((model) => ({ model, fraction: 1, draw: 0, images: 3000, accuracy: 0.8 }));
  expect(heads([])).toEqual(['baseline', 'classifier', 'student']);
  expect(heads(measured)).toEqual(['neighbours', 'linear probe', 'baseline', 'classifier', 'student']);
});

test('accuracyPlot: no line where two shares of the labels have as many images', async () => {
  const score = (file: string, images: number) => ({ model: 'student' as const, file, draw: 0, images, accuracy: 0.7 });
  expect(await accuracyPlot({ scores: [score('a.txt', 5), score('b.txt', 5), score('c.txt', 9)] })).toBeUndefined();
  expect(await accuracyPlot({ scores: [score('a.txt', 5), score('c.txt', 9)] })).toBeDefined();
});

test('cautions: how far the number of test images carries', () => {
  // 1.96·√(0.88·0.12 / 600) = 2.6 points.
  expect(cautions(sampleInput())[0]).toContain('± 2.6 points');
});

test('cautions: a count that took all labels is said to have one draw, and no other draw is promised', () => {
  const score = (perClass: number, images: number) => ({ model: 'student' as const, perClass, draw: 0, accuracy: 0.7, images });
  const input = sampleInput();
  const said = (...scores: ReportInput['scores']) => cautions({ ...input, scores }).join('\n');
  expect(said(score(500, 3000))).toContain('500 a class: all labels there are, hence one draw.');
  expect(said(score(500, 3000))).not.toContain('another draw');
  expect(said(score(500, 2900))).toContain('another draw');
  expect(said(score(500, 2900))).not.toContain('all labels there are');
});

test('mostDetailed: the student at the largest fraction, first draw', () => {
  const entry = (model: 'student' | 'baseline', fraction: number, draw: number) => ({ model, fraction, draw, confusion: [] });
  const chosen = mostDetailed([entry('student', 0.1, 0), entry('student', 0.5, 1), entry('student', 0.5, 0), entry('baseline', 1, 0)]);
  expect(chosen).toEqual(entry('student', 0.5, 0));
});

test('accuracyText, pointsText: shares as people write them', () => {
  expect([accuracyText(0.87654), accuracyText(undefined)]).toEqual(['87.7 %', '–']);
  expect([pointsText(0.015), pointsText(-0.0071), pointsText(0)]).toEqual(['+1.5', '−0.7', '+0.0']);
});

test('renderReport: where the representation was on several kinds of machine it says from which step on which', async () => {
  const here = { tensorflow: '2.21.0', device: 'CPU', processor: 'a processor', threads: 2, precision: 'float32' };
  const there = { ...here, from: 1200, device: 'GPU', processor: 'a GPU' };
  const page = await renderReport({ ...sampleInput(), machines: [{ ...here, from: 0 }, there] });
  const [first, second] = ['a processor (CPU', 'from step 1,200 on a GPU (GPU'].map(
    (text) => `${text}, 2 threads, float32, TensorFlow 2.21.0)`,
  );
  expect(page).toContain(`The representation was trained on ${first}, ${second}.`);
  expect(await renderReport({ ...sampleInput(), machines: [{ ...here, from: 0 }] })).toBe(await renderReport(sampleInput()));
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

test('setAsideTable: a name with line breaks and tags is text in its cell', () => {
  const setAside = { count: 1, examples: [{ image: '<img src=x onerror=alert(1)>/x\n✖ forged\u202e.png', reason: 'it is damaged' }] };
  expect(setAsideTable({ setAside })?.text).toContain('>&#60;img src=x onerror=alert(1)&#62;/x\n✖ forged.png</td><td>it is damaged</td>');
});

test('renderReport: what is missing is left out, not shown empty', async () => {
  const input = {
    ...sampleInput(),
    scores: sampleInput().scores.map(({ measures: _, ...score }) => score),
    evaluations: [],
    curves: [],
    examples: [],
    setAside: { count: 0, examples: [] },
    timings: undefined,
    links: undefined,
  };
  const page = await renderReport(input);
  for (const title of ['What the student confuses', 'Class by class', 'Examples', 'How it learnt', 'Images set aside', 'In detail'])
    expect(page).not.toContain(title);
  expect(page).toContain('How good it is');
});

test('renderReport: says what went wrong in pretraining, and what it measured of its embeddings', async () => {
  const { curves, ...input } = sampleInput();
  const measured = curves.map(({ points, ...curve }) => ({
    ...curve,
    points: points.map((point) =>
      curve.stage === 'representation' ? { ...point, accuracy: 0.625, entropy: 1.5, deviation: 0.125 } : point,
    ),
  }));
  const page = await renderReport({ ...input, curves: measured, warning: 'Pretraining has collapsed' });
  expect(page).toContain('<li>Pretraining has collapsed.</li>');
  expect(page.match(/62\.5 % of the first views .* 1\.50 nats.* 0\.125 /g)).toHaveLength(1);
});

test('renderReport: what the features were worth while they were learnt, and what the recipe could not have', async () => {
  const input = sampleInput();
  const reviewed = (looks: number) => {
    const curves = input.curves.map((curve) => {
      const points = curve.points.map((point, i) => (i > 0 && i % 100 === 0 && i <= 100 * looks ? { ...point, review: SCORES } : point));
      return curve.stage === 'representation' ? { ...curve, points } : curve;
    });
    return renderReport({ ...input, curves, notes: ['No early stopping, as that takes more labels'] });
  };
  const plots = (page: string) => page.split('<svg class="plot"').length;
  const [none, one, two] = [await reviewed(0), await reviewed(1), await reviewed(2)];
  expect([plots(one), plots(two)]).toEqual([plots(none), plots(none) + 1]);
  expect(none).not.toContain('nearest neighbours were right');
  expect(one).toContain('nearest neighbours were right on 41.2 % and a linear probe on 45.0 %');
  expect(none).toContain('<li>No early stopping, as that takes more labels.</li>');
});
const SCORES = { knn: 0.412, probe: 0.45 };

test('renderReport: which epoch was kept where trainings might stop early', async () => {
  const input = sampleInput();
  const curves = input.curves.map((curve) =>
    curve.stage === 'baseline' ? { ...curve, best: { epoch: 7, of: 40, heldOut: 0.625 } } : curve,
  );
  expect(await renderReport(input)).not.toContain('best epoch');
  const page = await renderReport({ ...input, curves });
  expect(page.match(/baseline, 100 %<\/th>(<td class="number">[^<]*<\/td>){4}/)?.[0].match(/>[^<]+/g)).toEqual([
    '>1',
    '>7',
    '>40',
    '>62.5 %',
  ]);
  const recipe = { ...input.recipe, finetune: { ...input.recipe.finetune, classWeights: 'balanced' as const } };
  expect(
    [page, await renderReport({ ...input, curves, recipe })].map((text) => text.includes('balanced accuracy on the labels held out')),
  ).toEqual([false, true]);
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

test('renderReport: which learning rate a baseline took, of which', async () => {
  const tried = [{ base: 0.1, accuracy: 0.5 }, { base: 0.4, accuracy: 0.625 }, { base: 1.6 }];
  const rates = [{ fraction: 1, draw: 0, base: 0.4, tried }];
  const page = await renderReport({ ...sampleInput(), rates });
  const row = page.match(/<tr><th scope="row" class="short">baseline, 100 %<\/th>.*?<\/tr>/)?.[0] ?? '';
  expect(row.match(/<td.*?<\/td>/g)?.map((cell) => cell.replaceAll(/<\/?td.*?>/g, ''))).toEqual([
    '1',
    '0.1: 50.0 %',
    '<b>0.4: 62.5 %</b>',
    '1.6: diverged',
  ]);
  expect(await renderReport(sampleInput())).not.toContain('Learning rates tried');
});
