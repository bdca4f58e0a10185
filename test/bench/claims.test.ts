import { describe, expect, test } from 'vitest';
import { claimsPage, type KeptRun, keptOf } from '../../bench/claims-page.ts';
import type { ScoreKind } from '../../contracts/scores.ts';

/** A run with these accuracies, in percent, one a label draw. */
function runOf(scores: Partial<Record<ScoreKind, Record<number, number[]>>>): KeptRun {
  const all = Object.entries(scores).flatMap(([model, fractions]) =>
    Object.entries(fractions).flatMap(([fraction, draws]) =>
      draws.map((percent, draw) => ({ model: model as ScoreKind, fraction: Number(fraction), draw, accuracy: percent / 100, images: 50 })),
    ),
  );
  return { command: 'npx fewlabels run it.yaml', recipe: 'this', seconds: 90, date: '2026-11-25', machine: 'a machine', scores: all };
}

const rowsOf = (page: string, claim: string) => page.split('\n').filter((line) => line.startsWith(`| ${claim}`));

describe('the page of the claims', () => {
  const whole = runOf({
    baseline: { 0.01: [20, 21, 22, 23, 24], 1: [50] },
    classifier: { 0.01: [30, 31, 33, 33, 34], 1: [49] },
    student: { 0.01: [30, 32, 32, 34, 34], 1: [45] },
  });

  test('a difference is paired by draw, with the interval of Student’s t', () => {
    // differences 10, 10, 11, 10, 10: mean 10.2, deviation 0.447, t(4) = 2.776
    const [row] = rowsOf(claimsPage({ whole }), 'pretraining helps');
    expect(row).toContain('classifier 32.2 ± 1.6 | baseline 22.0 ± 1.6 | +10.2 (+9.6 to +10.8) | **yes**; by 8 points: **yes** |');
  });

  test('a claim is proved, refuted, or within noise, and one draw decides nothing', () => {
    const [, , all] = rowsOf(claimsPage({ whole }), 'pretraining helps');
    expect(all).toContain('classifier 49.0 | baseline 50.0 | −1.0 | rather no, by one draw |');
    const [student] = rowsOf(claimsPage({ whole }), 'a student of the teacher’s size');
    expect(student).toContain('+0.2 (−0.8 to +1.2) | undecided, rather yes |');
    const near = runOf({ baseline: { 0.01: [20, 21, 22] }, classifier: { 0.01: [29, 30, 29] } }); // by 9, 9 and 7 points
    expect(rowsOf(claimsPage({ whole: near }), 'pretraining helps')[0]).toContain('**yes**; by 8 points: undecided, rather yes |');
    const worse = runOf({ baseline: { 0.01: [20, 21, 22] }, classifier: { 0.01: [25, 26, 27.1] } });
    expect(rowsOf(claimsPage({ whole: worse }), 'pretraining helps')[0]).toContain('| **yes**; by 8 points: **no** |'); // 5 points are not the 8 claimed
  });

  test('keptOf: what another recipe had made is not compared', () => {
    const older = { ...whole, recipe: 'another' };
    expect(keptOf({ whole, narrow: older }, 'this')).toEqual({ whole });
  });

  test('the gain by pretraining with few labels is compared with that with all', () => {
    expect(rowsOf(claimsPage({ whole }), 'it helps most')[0]).toContain(
      'gain by pretraining at 1 % 10.2 ± 0.4 | the same at 100 % −1.0 | +11.2 | rather yes, by one draw |',
    );
  });

  test('what has not run is said', () => {
    expect(rowsOf(claimsPage({ whole }), 'a bigger network')[0]).toContain('not run yet');
    expect(rowsOf(claimsPage({}), 'pretraining helps')).toHaveLength(3);
  });

  test('the gain by width at 100 % is one draw, so its difference to that at 1 % has no interval', () => {
    const narrow = runOf({ classifier: { 0.01: [28, 29, 30, 31, 31], 1: [48] } });
    // gains 2, 2, 3, 2, 3 against 1
    expect(rowsOf(claimsPage({ whole, narrow }), 'a bigger network')[0]).toContain(
      'gain by twice the width at 1 % 2.4 ± 0.5 | the same at 100 % 1.0 | +1.4 | rather yes, by one draw |',
    );
    const unfinished = runOf({ classifier: { 0.01: [28, 29, 30, 31, 31] } });
    expect(rowsOf(claimsPage({ whole, narrow: unfinished }), 'a bigger network')[0]).toContain('not run yet');
  });
});
