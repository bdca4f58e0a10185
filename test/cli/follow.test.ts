import { expect, test } from 'vitest';
import { show, type Told } from '../../cli/follow.ts';

test('show: a warning of a training under way, or of a finished segment, is said once', () => {
  const said: string[] = [];
  const display = { update: () => undefined, say: (line: string) => void said.push(line), end: () => undefined };
  const told = new Map<string, number>();
  const beat = { stage: 'representation', done: 1, total: 2, unit: 'steps' as const, warning: 'It has collapsed' };
  show({ beats: [beat], retries: [] }, display, told);
  show({ progress: { stages: [], warning: 'It has collapsed' }, beats: [beat], retries: [] }, display, told);
  show({ progress: { stages: [] }, beats: [{ ...beat, warning: undefined }], retries: [] }, display, told);
  expect(said).toEqual(['⚠ It has collapsed']);
});

test('show: what was away for a while is said again when it comes back', () => {
  const said: string[] = [];
  const display = { update: () => undefined, say: (line: string) => void said.push(line), end: () => undefined };
  const told: Told = new Map();
  const retry = { activity: 'pretrain', attempt: 2, reason: 'WorkerLost' };
  const look = (more: { warning?: string; notes?: string[] }, retries: (typeof retry)[] = []) =>
    show({ progress: { stages: [], notes: ['No probe'], ...more }, beats: [], retries }, display, told);
  look({ warning: 'It has collapsed' }, [retry]);
  for (let i = 0; i < 5; i++) look({});
  look({ warning: 'It has collapsed' }, [retry]);
  expect(said).toEqual(['↻ pretrain: attempt 2, as WorkerLost', '⚠ It has collapsed', 'No probe']);
  for (let i = 0; i < 60; i++) look({});
  look({ warning: 'It has collapsed' }, [retry]);
  expect(said.slice(3)).toEqual(['↻ pretrain: attempt 2, as WorkerLost', '⚠ It has collapsed']);
  for (let i = 0; i < 60; i++) show({ beats: [], retries: [] }, display, told); // no pipeline worker answers
  look({});
  expect(said).toHaveLength(5);
});

test('show: a pause is said each time, a run that stands still once', () => {
  const said: string[] = [];
  const display = { update: () => undefined, say: (line: string) => void said.push(line), end: () => undefined };
  const told = new Map<string, number>();
  const look = (more: object) => show({ progress: { stages: [], ...more }, beats: [], retries: [] }, display, told);
  for (const more of [{ paused: true }, { paused: true }, {}, { paused: true }]) look(more);
  expect(said).toEqual(Array(2).fill('⏸ paused; `npx fewlabels resume` goes on'));
  for (const _ of [1, 2]) show({ beats: [], retries: [], stuck: 'The run stands still' }, display, told);
  expect(said.slice(2)).toEqual(['✖ The run stands still']);
});
