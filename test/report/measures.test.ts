import { expect, test } from 'vitest';
import type { Measures } from '../../contracts/scores.ts';
import { measureTables } from '../../report/measures.ts';
import { sampleInput } from './sample.ts';

/** Rows of the table of measures, as text. */
function measureRows(input: Parameters<typeof measureTables>[0]): string[] {
  const rows = measureTables(input)?.text.match(/<tr><th scope="row">.*?<\/tr>/g) ?? [];
  return rows.map((row) =>
    row
      .replace(/<th scope="row">(.*?)(<small>.*?)?<\/th>/, '$1')
      .replaceAll(/<[^>]+>/g, ' ')
      .replaceAll(/\s+/g, ' ')
      .trim(),
  );
}

test('measureTables: the models at each share, a row for each measure they have', () => {
  expect(measureRows(sampleInput())).toEqual([
    'right 86.8 % 84.2–89.3 % 88.3 % 85.7–90.8 % 88.0 % 85.4–90.5 %',
    'points above the baseline – +1.5 −0.4 to +3.5 +1.2 −0.7 to +3.2',
    'balanced accuracy 85.8 % 82.7–88.8 % 87.3 % 84.2–90.3 % 87.0 % 83.9–90.0 %',
    'AUC 0.979 0.979 0.979',
    'among the first five 99.5 % 99.5 % 99.5 %',
    'calibration error 4.1 4.1 4.1',
  ]);
});

test('measureTables: at each share of the labels, most first, and of several draws the mean and the deviation', () => {
  const input = sampleInput();
  const of = input.scores.findLast(({ measures }) => measures)?.measures as Measures;
  // Of 0.6 and 0.7: mean 0.65, sample deviation √(2·0.05²) = 0.0707.
  const scores = input.scores.map((score) =>
    'fraction' in score && score.fraction === 0.25 && score.draw < 2
      ? { ...score, measures: { ...of, balancedAccuracy: 0.6 + 0.1 * score.draw, auc: 0.9, gain: undefined } }
      : score,
  );
  const tables = measureTables({ ...input, scores })?.text ?? '';
  expect([...tables.matchAll(/<h3>(.*?)<\/h3>/g)].map(([, title]) => title)).toEqual([
    'In detail, with all labels',
    'In detail, with 25 % of the labels: mean of 2 draws ± standard deviation',
  ]);
  expect(measureRows({ ...input, scores }).slice(6)).toEqual([
    'right 73.0 % ± 1.4 81.0 % ± 1.4 80.5 % ± 0.7',
    'balanced accuracy 65.0 % ± 7.1 65.0 % ± 7.1 65.0 % ± 7.1',
    'AUC 0.900 ± 0.000 0.900 ± 0.000 0.900 ± 0.000',
    'among the first five 99.5 % ± 0.0 99.5 % ± 0.0 99.5 % ± 0.0',
    'calibration error 4.1 ± 0.0 4.1 ± 0.0 4.1 ± 0.0',
  ]);
});

test('measureTables: kappa and the order of the grades, when the classes are grades', () => {
  const input = sampleInput();
  const graded = {
    ...input,
    recipe: { ...input.recipe, labels: { ...input.recipe.labels, graded: true } },
    classes: ['0 none', '1 mild'],
    scores: input.scores.map((score) => (score.measures ? { ...score, measures: { ...score.measures, kappa: 0.8125 } } : score)),
  };
  expect(measureRows(graded)).toContain('quadratic kappa 0.813 0.813 0.813');
  expect(measureTables(graded)?.text).toContain('Grades, lowest first: 0 none, 1 mild.');
  expect(measureTables(input)?.text).not.toMatch(/kappa|Grades/);
});

test('measureTables: an area from bins says how far it may be off', () => {
  const input = sampleInput();
  const scores = input.scores.map((score) => (score.measures ? { ...score, measures: { ...score.measures, aucWithin: 0.0002 } } : score));
  expect(measureRows({ ...input, scores })[3]).toBe('AUC 0.979 ± 0.0002 0.979 ± 0.0002 0.979 ± 0.0002');
});

test('measureTables: how sure the student is, and the temperature that made it honest, or why there is none', () => {
  const input = sampleInput();
  const textOf = (changed: Parameters<typeof measureTables>[0]) => measureTables(changed)?.text.replaceAll('\u00a0', ' ');
  const wanted = { ...input, recipe: { ...input.recipe, labels: { ...input.recipe.labels, calibration: 0.1 } } };
  const temperature = { value: 1.417, interval: [1.2, 1.674] as [number, number], images: 300, before: 0.0912 };
  const scaled = input.scores.map((score) => (score.measures ? { ...score, measures: { ...score.measures, temperature } } : score));
  expect(textOf(input)).toContain('a probability of 91.0 % on average, and is right on 88.0 %.</p>');
  expect(textOf({ ...wanted, scores: scaled })).toContain('a temperature of 1.42 (95 % interval 1.20–1.67), fitted on 300 labelled images');
  expect(textOf({ ...wanted, scores: scaled })).toContain('would be 9.1 points');
  expect(textOf(wanted)).toContain('Too few labels');
});

test('measureTables: scores without measures give no table', () => {
  const input = sampleInput();
  expect(measureTables({ ...input, scores: input.scores.map(({ measures, ...score }) => score) })).toBeUndefined();
});
