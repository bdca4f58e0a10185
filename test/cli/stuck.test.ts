/** Runs that workers cannot go on with: shown, and ended. */
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { QUEUES, WORKFLOW_TYPE } from '../../contracts/queues.ts';
import { openTemporal } from '../servers.ts';
import { playedStore, playRuns } from '../workflows/played.ts';
import { fewlabels } from './command.ts';

let server: Awaited<ReturnType<typeof openTemporal>>;
let runs: Awaited<ReturnType<typeof playRuns>>;
beforeAll(async () => {
  server = await openTemporal([]);
  runs = await playRuns(server.temporal, fileURLToPath(new URL('../workflows/other-code.ts', import.meta.url)));
}, 300_000);
afterAll(async () => {
  await runs?.stop();
  await server?.stop();
});

test('status says in one line that the code of the workers does not fit, and why; cancel ends such a run', async () => {
  const environment = {
    TEMPORAL_ADDRESS: server.temporal.address,
    S3_ENDPOINT: 'http://127.0.0.1:9',
    AWS_ACCESS_KEY_ID: 'none',
    AWS_SECRET_ACCESS_KEY: 'none',
  };
  runs.play(playedStore().activities);
  const handle = await runs.client.workflow.start(WORKFLOW_TYPE, { workflowId: 'stuck', taskQueue: QUEUES.pipeline, args: [{}] });
  const problem = async () => (await fewlabels(['status', 'stuck'], environment)).out.split('\n').find((line) => line.startsWith('✖'));
  await expect
    .poll(problem, { timeout: 60_000, interval: 1_000 })
    .toMatch(
      /^✖ The run stands still, as the workers' code does not fit it \(Cannot read what this version does not know\); .*cancel stuck/,
    );
  expect((await fewlabels(['cancel', 'stuck'], environment)).status).toBe(0);
  expect((await handle.describe()).status.name).toBe('TERMINATED');
}, 120_000);
