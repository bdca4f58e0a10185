/** Recorded runs replay on this code: `test/histories/`, made by `record.ts`. No server. */
import { readdir, readFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import { Worker } from '@temporalio/worker';
import { expect, test } from 'vitest';
import { WORKFLOWS } from './workers.ts';

const FOLDER = new URL('../histories/', import.meta.url);
const names = (await readdir(FOLDER)).filter((name) => name.endsWith('.json.gz'));
const histories = await Promise.all(
  names.map(async (name) => ({
    workflowId: name.replace('.json.gz', ''),
    history: historyFromJSON(JSON.parse(gunzipSync(await readFile(new URL(name, FOLDER))).toString())),
  })),
);
const eventsOf = ({ history }: (typeof histories)[number]) => history.events ?? [];

test('workflows: every recorded run replays, and one that was tampered with does not', async () => {
  const failed: string[] = [];
  for await (const { workflowId, error } of Worker.runReplayHistories({ workflowsPath: WORKFLOWS }, histories))
    if (error) failed.push(`${workflowId}: ${error.message}`);
  expect(failed).toEqual([]);
  const [whole] = histories;
  const forged = whole && eventsOf(whole).filter(({ activityTaskScheduledEventAttributes: task }) => task?.activityType?.name !== 'survey');
  await expect(Worker.runReplayHistory({ workflowsPath: WORKFLOWS }, { events: forged })).rejects.toThrow();
}, 600_000);

test('recorded runs: of every kind, so that a change meets one of its own', () => {
  const names = histories.map(({ workflowId }) => workflowId.replace(/-\d+$/, ''));
  expect([...new Set(names)].sort()).toEqual(['cancelled', 'device', 'pages', 'paused', 'plain']);
  const all = histories.flatMap(eventsOf);
  expect(all.filter((event) => event.workflowExecutionContinuedAsNewEventAttributes).length).toBeGreaterThan(1);
  expect(all.filter((event) => event.workflowExecutionUpdateAcceptedEventAttributes)).toHaveLength(2);
});

test('policies: every kind of work waits out a night without a store, tries uncounted', () => {
  const scheduled = histories.flatMap(eventsOf).flatMap(({ activityTaskScheduledEventAttributes: task }) => task ?? []);
  expect(scheduled.length).toBeGreaterThan(100);
  const patience = scheduled.map(({ scheduleToCloseTimeout: whole, retryPolicy: retry }) =>
    JSON.stringify([Number(whole?.seconds), retry?.maximumAttempts ?? 0]),
  );
  expect([...new Set(patience)]).toEqual([JSON.stringify([30 * 86_400, 0])]);
  const pauses = scheduled.map(({ retryPolicy }) => Number(retryPolicy?.maximumInterval?.seconds));
  expect(Math.max(...pauses)).toBeLessThanOrEqual(300);
});
