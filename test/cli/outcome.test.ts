import { WorkflowFailedError } from '@temporalio/client';
import { ActivityFailure, ApplicationFailure, CancelledFailure, RetryState } from '@temporalio/common';
import { expect, test, vi } from 'vitest';
import { forwardCost, workOf } from '../../cli/estimate.ts';
import { failureOf } from '../../cli/failure-text.ts';
import { fetchModel, scoreTable } from '../../cli/outcome.ts';
import { exitStatus, explain } from '../../cli/problem.ts';
import { openTerminal, printable } from '../../cli/terminal.ts';
import { Failure } from '../../contracts/failures.ts';
import { Recipe } from '../../contracts/recipe.ts';
import type { Measures, Score } from '../../contracts/scores.ts';
import { decodeSafetensors, encodeSafetensors } from '../../learning/safetensors.ts';
import { openArtifacts } from '../../store/artifacts.ts';
import { openMemory } from '../../store/memory.ts';
import { sampleInput } from '../report/sample.ts';

test('scoreTable: models by fraction, mean ± standard deviation, in columns', () => {
  expect(scoreTable(sampleInput().scores)).toEqual([
    'labels  images  draws      baseline    classifier       student',
    '   5 %     150      3  52.0 ± 2.0 %  71.0 ± 1.0 %  70.5 ± 1.0 %',
    '  25 %     750      2  73.0 ± 1.4 %  81.0 ± 1.4 %  80.5 ± 0.7 %',
    ' 100 %    3000      1        86.8 %        88.3 %        88.0 %',
  ]);
});

test('fetchModel: architecture, class names and temperature go with the weights', async () => {
  const artifacts = openArtifacts(openMemory(), {});
  const body = encodeSafetensors({ weight: { dtype: 'float32', shape: [1], data: Float32Array.of(7) } }, { kind: 'model' });
  const none = { slice: {}, inputs: [], made: {} };
  const objects = [{ name: 'model.safetensors', body }];
  const student = await artifacts.commit({ ...none, stage: 'student', key: 's', objects, facts: { architecture: { size: 8 } } });
  const report = await artifacts.commit({ ...none, stage: 'report', key: 'r', objects: [], facts: { classes: ['a', 'b'] } });
  const score = (fraction: number, draw: number, value: number): Score => {
    const measures: Measures = {
      interval: [0, 1],
      confidence: 1,
      calibrationError: 0,
      loss: 0,
      temperature: { value, interval: [1, 2], images: 50, before: 0 },
    };
    return { model: 'student', fraction, draw, accuracy: 1, images: 1, measures };
  };
  const metadataOf = async (scores: Score[]) => {
    const result = { run: 'cells-1', scores, setAside: { count: 0, examples: [] }, student, report };
    return decodeSafetensors(await fetchModel(artifacts, 'student', result)).metadata;
  };
  const known = { kind: 'model', run: 'cells-1', architecture: '{"size":8}', classes: '["a","b"]' };
  expect(await metadataOf([score(0.1, 0, 3), score(1, 1, 2), score(1, 0, 1.5)])).toEqual({ ...known, temperature: '1.5' });
  expect(await metadataOf([])).toEqual(known);
});

test('scoreTable: counts and files of labels by their names, fewest images first', () => {
  const score = (share: { perClass: number } | { file: string }, images: number, accuracy: number) =>
    ({ model: 'student', draw: 0, images, accuracy, ...share }) as const;
  expect(scoreTable([score({ perClass: 25 }, 50, 0.7), score({ perClass: 5 }, 10, 0.6)]).map((line) => line.slice(0, 24))).toEqual(
    ['    labels  images  draws', ' 5 a class      10      1', '25 a class      50      1'].map((line) => line.slice(0, 24)),
  );
  expect(scoreTable([score({ file: '/data/ids.txt' }, 50, 0.7)])[1]).toMatch(/^ids\.txt +50 +1 +70\.0 %$/);
});

test('failureOf: the innermost failure, with its kind', () => {
  const cause = ApplicationFailure.nonRetryable('Cannot continue as the loss is NaN', 'TrainingDiverged');
  const activity = new ActivityFailure('Activity task failed', 'pretrain', '1', RetryState.NON_RETRYABLE_FAILURE, 'me', cause);
  const error = new WorkflowFailedError('Workflow execution failed', activity, RetryState.NON_RETRYABLE_FAILURE);
  expect(failureOf(error)).toEqual({ state: 'failed', kind: 'TrainingDiverged', message: 'Cannot continue as the loss is NaN' });
});

test('failureOf: a cancelled run is no failed one', () => {
  const error = new WorkflowFailedError(
    'Workflow execution cancelled',
    new CancelledFailure('cancelled'),
    RetryState.NON_RETRYABLE_FAILURE,
  );
  expect(failureOf(error).state).toBe('cancelled');
});

test('exitStatus: what the person can mend is 2, the rest 1', () => {
  expect([new Failure('InvalidImages', 'm'), new Failure('AccessDenied', 'm'), new Error('m')].map(exitStatus)).toEqual([2, 1, 1]);
});

test('explain: a message without a stack, and the cause where it adds something', () => {
  expect(explain(new Error('Cannot connect', { cause: new Error('ECONNREFUSED') }))).toEqual(['Cannot connect (ECONNREFUSED)']);
  expect(explain(new Error('Cannot connect: ECONNREFUSED', { cause: new Error('ECONNREFUSED') }))).toEqual([
    'Cannot connect: ECONNREFUSED',
  ]);
});

test('printable: a name cannot end the line, steer the terminal or turn the text around it, and stays what it is in JSON', () => {
  expect(printable('a\u001b[2Jb\r\nc\td\u007f\u009b\u202e\u2028🦔 é')).toBe('a\\u001b[2Jb\\r\\nc\\td\\u007f\\u009b\\u202e\\u2028🦔 é');
  const name = 'a\n\u007f\u0085\u2028\u202e"\\.png';
  expect(JSON.parse(printable(JSON.stringify({ name })))).toEqual({ name });
});

test('openTerminal: a record is written as it is, on a screen on one line', () => {
  const written: unknown[] = [];
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => written.push(text) > 0);
  const { isTTY } = process.stdout;
  for (const isScreen of [false, true]) {
    process.stdout.isTTY = isScreen;
    openTerminal('dumb').record('"a\nb.png",cat');
  }
  process.stdout.isTTY = isTTY;
  write.mockRestore();
  expect(written).toEqual(['"a\nb.png",cat\n', '"a\\nb.png",cat\n']);
});

test('explain: a message in lines stays so, the first one of a failed connection is told', () => {
  expect(explain(new AggregateError(['  | first', '  | second'], 'It ended'))).toEqual(['It ended', '  | first', '  | second']);
  expect(explain(new AggregateError([new Error('ECONNREFUSED')]))).toEqual(['ECONNREFUSED']);
});

test('forwardCost: half the width is a quarter of the work, twice the size four times', () => {
  const encoder = { depth: 18, width: 1, stem: 'small' } as const;
  expect(forwardCost({ ...encoder, width: 0.5 }, 32) / forwardCost(encoder, 32)).toBeCloseTo(1 / 4);
  expect(forwardCost(encoder, 64) / forwardCost(encoder, 32)).toBeCloseTo(4);
});

test('forwardCost: selective kernels cost half as much again, where there is a place for them', () => {
  const cost = (depth: 18 | 50, selectiveKernel: boolean) => forwardCost({ depth, width: 1, stem: 'small', selectiveKernel }, 32);
  expect(cost(50, true) / cost(50, false)).toBeCloseTo(1.5);
  expect(cost(18, true)).toBe(cost(18, false));
});

test('workOf: pretraining is two views of every image in every epoch, forwards and twice backwards', () => {
  const recipe = Recipe.parse({ name: 'x', images: { train: 'x' }, encoder: { width: 1 }, pretrain: { epochs: 10 } });
  expect(workOf(recipe, 100, []).pretrain).toBeCloseTo(10 * 100 * 2 * 3 * 0.56e9);
  recipe.pretrain.memory.size = 64; // and one view forwards once more
  expect(workOf(recipe, 100, []).pretrain).toBeCloseTo(10 * 100 * (2 * 3 + 1) * 0.56e9);
});

test('workOf: a rate that is tried learns from four fifths of the images, by the baseline alone', () => {
  const recipe = Recipe.parse({ name: 'x', images: { train: 'x' }, finetune: { epochs: 10, atLeastSteps: 0 } });
  const work = (rates: number) => workOf(recipe, 100, [{ learnt: 500, rates }]).labels;
  expect(work(2) / work(0)).toBeCloseTo(1 + (2 * 0.8) / 2);
});
