/** A worker process on real servers. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, inject, onTestFinished, test } from 'vitest';

test('serve: with FEWLABELS_IDLE_EXIT a worker without work ends by itself, in order', async () => {
  const { temporal, s3 } = inject('services');
  const scratch = await mkdtemp(join(tmpdir(), 'fewlabels-test-'));
  onTestFinished(() => rm(scratch, { recursive: true }));
  const env = {
    PATH: process.env.PATH,
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_NAMESPACE: `${temporal.namespace}-labels`,
    S3_ENDPOINT: s3.endpoint,
    S3_BUCKET: 'serve-test',
    AWS_ACCESS_KEY_ID: s3.accessKey,
    AWS_SECRET_ACCESS_KEY: s3.secretKey,
    FEWLABELS_SCRATCH: scratch,
    FEWLABELS_IDLE_EXIT: '1',
  };
  const entry = fileURLToPath(new URL('../../workers/training.ts', import.meta.url));
  const worker = spawn(process.execPath, ['--import', 'tsx', entry], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  worker.stdout.on('data', (text) => (said += text));
  expect(await once(worker, 'exit')).toEqual([0, null]);
  expect(said).toMatch(/ready: training worker[\s\S]*ends: no work for 1 s/);
}, 60_000);
